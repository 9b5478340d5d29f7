#!/usr/bin/env python3
"""Proves that each house rule can fail: plants breaches in a copy of the tree and demands that exactly the rules that
they break report them, and nothing before they were planted.

usage: planted.py --build FOLDER --cmake PROGRAM --compiler PROGRAM [--commands]

  --commands    also with the README's own commands, which needs a build that the launcher uses (build/release)
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
from types import SimpleNamespace

sys.dont_write_bytecode = True  # a new file among the sources would look like a stale build

import house
import plants
from tree import SOURCE_SUFFIXES, Tree

TOP = pathlib.Path(__file__).resolve().parents[2]
STATIC_RULES = [name for name in house.RULES if name not in ("binary", "clang_tidy")]


def copy_of(tree, folder):
    for path in tree.files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.root / path, folder / path)


def findings_of(root, build, rules=STATIC_RULES, binary=None):
    """(rule, finding) for all that these rules have to say of a tree."""
    tree = Tree(root)
    options = SimpleNamespace(root=root, build=build, binary=binary)
    return [(rule, finding) for rule in rules for finding in house.RULES[rule][0](tree, options)]


def plant(root, plants_):
    touched = set()
    for breach in plants_:
        path = root / breach.path
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        if breach.replaces not in before:
            sys.exit(f"planted.py: {breach.path} has no {breach.replaces!r} any more: mend plants.py")
        after = before.replace(breach.replaces, breach.text, 1) if breach.replaces else before + breach.text
        path.write_text(after)
        if breach.rule != "format" and breach.path.endswith(SOURCE_SUFFIXES):
            touched.add(breach.path)
    subprocess.run(["clang-format", "-i", *sorted(touched)], check=True, cwd=root)


def configure(cmake, root):
    """What CMake makes of the planted tree, which nobody builds."""
    build = root / "build" / "planted"
    subprocess.run([cmake, "-S", root, "-B", build, "-G", "Ninja"], check=True, stdout=subprocess.DEVNULL, timeout=100)
    return build


def is_of(finding, rule, breach):
    return rule == breach.rule and finding.path == (breach.reported_at or breach.path) and breach.words in finding.text


def compare(found, expected):
    """Every breach has its finding and every finding its breach."""
    problems, rest = [], list(found)
    for breach in expected:
        match = next((entry for entry in rest if is_of(entry[1], entry[0], breach)), None)
        if match:
            rest.remove(match)
        else:
            problems.append(f"not caught: {breach.what} ({breach.path}; {breach.rule}: ... {breach.words} ...)")
    problems += [f"caught without being planted: {rule}: {finding}" for rule, finding in rest]
    return problems


def check_tree(top, options):
    root = top / "tree"
    copy_of(Tree(TOP), root)
    problems = [f"in the clean copy: {rule}: {finding}" for rule, finding in findings_of(root, options.build)]
    if problems:
        return problems
    plant(root, plants.PLANTS)
    build = configure(options.cmake, root)
    expected = [breach for breach in plants.PLANTS if breach.rule]
    return compare(findings_of(root, build), expected)


def check_binary(top, options):
    clean = findings_of(TOP, options.build, ["binary"], str(options.build / "bin" / "tagma"))
    problems = [f"in the product: {finding}" for _, finding in clean]
    room = top / "test"
    room.mkdir()
    (room / "planted.cpp").write_text(plants.BINARY_SOURCE)
    compile_ = [options.compiler, "-std=c++20", "-g"]
    subprocess.run([*compile_, "-shared", "-o", "libgtest_planted.so", "-x", "c++", "/dev/null"], check=True, cwd=top)
    libraries = ["-Wl,--no-as-needed", "-L.", "-lgtest_planted"]
    subprocess.run([*compile_, "-o", "product", "test/planted.cpp", *libraries], check=True, cwd=top)
    found = findings_of(TOP, options.build, ["binary"], str(top / "product"))
    path = str(top / "product")
    expected = [plants.Plant("in the binary", path, "", "binary", words) for words in plants.BINARY_WORDS]
    shutil.copy(top / "product", top / "stripped")
    subprocess.run(["strip", top / "stripped"], check=True)
    of_stripped = findings_of(TOP, options.build, ["binary"], str(top / "stripped"))
    if not any("stripped" in finding.text for _, finding in of_stripped):
        problems.append("not caught: a binary without symbols")
    return problems + compare(found, expected)


def story_problem(top, what, text, ends, *arguments):
    """None if commands.py judges the document as it must: with all of these words, or well where there are none."""
    document = top / "STORY.md"
    document.write_text(text)
    command = [sys.executable, "-B", TOP / "test/tidy/commands.py", document, *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    if (result.returncode == 0) == (not ends) and all(words in result.stdout for words in ends):
        return None
    wanted = "with: " + " ".join(ends) if ends else "well"
    return f"commands.py, {what}: should end {wanted}, but ended thus:\n{result.stdout}"


def check_stories(top, options):
    for story in plants.STORIES:
        ends = [story.ends] if story.ends else []
        yield story_problem(top, story.what, story.text, ends, "--empty", "--timeout-s", str(story.timeout_s))
    if not options.commands:
        return
    readme = (TOP / "README.md").read_text().split("\n## Map")[0]
    for what, replaced, by, ends in plants.README_STORIES:
        if replaced not in readme:
            yield f"README.md has no `{replaced}` any more: mend plants.py"
        else:
            line = readme[: readme.index(replaced)].count("\n") + 1
            yield story_problem(top, what, readme.replace(replaced, by, 1), [f"STORY.md:{line}: ", ends])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cmake", required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--commands", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tagma-planted-") as top:
        top = pathlib.Path(top)
        problems = [*check_tree(top, options), *check_binary(top, options), *filter(None, check_stories(top, options))]
    count = sum(len(kind) for kind in (plants.PLANTS, plants.BINARY_WORDS, plants.STORIES, plants.README_STORIES))
    print("\n".join(problems) or f"{count} plants, each judged as it must be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
