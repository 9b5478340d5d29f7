"""The ratchet on the length of functions and files: what is too long is listed, and the list only ever gets shorter."""

import json
import re
import subprocess

import rules
from tree import SOURCE_SUFFIXES, Finding, blanked, line_of

# A directive with the lines that it goes on for; what a `{` may belong to without being a function.
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(?P<name>\w+)(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern|TEST_SUITE)\b")
MAYBE_FUNCTION = re.compile(r"\(|^[A-Z_\d\s]+$")  # with parentheses, or nothing but a macro's name
HARMLESS = re.compile(r"\balignas\s*\([^()]*\)|\bTEST_SUITE\s*\([^()]*\)|\[\[.*?\]\]|\b__attribute__\s*\(\(.*?\)\)")
LIST = "test/tidy/lengths.txt"
CTAGS = [
    "ctags",
    "--quiet",
    "--options=NONE",
    "--languages=C,C++,Python,Sh",
    "--map-C++=+.h",
    "--kinds-C=f",
    "--kinds-C++=f",
    "--kinds-Python=fm",
    "--kinds-Sh=f",
    # A test case is a function as well, hidden in a macro.
    "-D",
    "TEST_CASE(name)=void test_case()",
    "-D",
    "TEST_CASE_FIXTURE(fixture,name)=void test_case()",
    "--fields=+nelKs",
    "--output-format=json",
    "-f",
    "-",
    "-L",
    "-",
]


def is_script(tree, path):
    return path.endswith((".py", ".sh")) or ("." not in path.rsplit("/")[-1] and tree.text(path).startswith("#!"))


def tags_of(tree):
    paths = [path for path in tree.files if path.endswith(SOURCE_SUFFIXES) or is_script(tree, path)]
    result = subprocess.run(
        CTAGS, input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True, cwd=tree.root, timeout=120
    )
    tags = (json.loads(line) for line in result.stdout.splitlines())
    return [tag for tag in tags if tag["language"] != "Sh" or is_shell_function(tree, tag)]


def is_shell_function(tree, tag):
    """ctags takes `name=()` for a function too."""
    line = tree.text(tag["path"]).splitlines()[tag["line"] - 1]
    return re.match(rf"\s*(function\s+)?{re.escape(tag['name'].rstrip('='))}\s*\(\s*\)", line) is not None


def name_of(tree, tag):
    """As one would search for it: the test case's title, or the function with its class."""
    if tag["name"] == "test_case":
        title = re.search(r'"([^"]*)"', tree.text(tag["path"]).splitlines()[tag["line"] - 1])
        return f'test case "{title[1]}"' if title else "test case"
    scope = [part for part in tag.get("scope", "").split("::") if part and not part.startswith("__anon")]
    return "::".join([*scope[-1:], tag["name"]]) if tag.get("scopeKind") in ("class", "struct") else tag["name"]


def end_of(tree, tag):
    """ctags knows where functions of C++ and Python end; one of a shell script ends at the next line that is `}`."""
    if "end" in tag or tag["language"] != "Sh":
        return tag.get("end")
    lines = tree.text(tag["path"]).splitlines()
    if lines[tag["line"] - 1].rstrip().endswith("}"):
        return tag["line"]
    return next((at for at, line in enumerate(lines[tag["line"] :], tag["line"] + 1) if line == "}"), None)


def blocks(code):
    """(first line, last line, head) of each block in braces that stands in no other but a namespace or a type: what a
    function's body is, whatever macro makes its head."""
    level, open_type_levels, start, head_at = 0, [], None, 0
    for at, letter in enumerate(code):
        in_type = start is None
        if letter == "{":
            if in_type and SCOPE.search(head := code[head_at:at]) and "(" not in HARMLESS.sub("", head):
                open_type_levels.append(level)
                head_at = at + 1
            elif in_type:
                start = level
            level += 1
        elif letter == "}":
            level -= 1
            if start == level:
                head = code[head_at:].lstrip()
                first = len(code) - len(head)
                yield line_of(code, first), line_of(code, at), code[first:at].split("{")[0].strip()
                start, head_at = None, at + 1
            elif open_type_levels and open_type_levels[-1] == level:
                open_type_levels.pop()
                head_at = at + 1
        elif letter == ";" and in_type:
            head_at = at + 1


def hidden_lengths(tree, path, seen):
    """Functions that ctags does not see, since a macro makes their heads, and macros themselves: (name, lines, first)."""
    code = tree.code(path)
    for macro in DEFINE.finditer(code):
        yield f"macro {macro['name']}", macro[0].count("\n") + 1, line_of(code, macro.start())
    code = DEFINE.sub(lambda found: blanked(found[0]), code)
    code = DIRECTIVE.sub(lambda found: blanked(found[0]), code)
    for first, last, head in blocks(code):
        if MAYBE_FUNCTION.search(head) and not any(first <= line <= last for line in seen):
            yield " ".join(re.findall(r"\w+", head)[:4]), last - first + 1, first


def measured(tree):
    """{(path, name): (lines, first line)} of all functions and files; of namesakes in one file the longest counts."""
    lengths = {}
    seen = {}
    for path in tree.files:
        if path.endswith(SOURCE_SUFFIXES) or is_script(tree, path):
            lengths[path, "the file"] = (len(tree.text(path).splitlines()), 0)
    for tag in tags_of(tree):
        seen.setdefault(tag["path"], []).append(tag["line"])
        key = (tag["path"], name_of(tree, tag))
        end = end_of(tree, tag)
        lines = end - tag["line"] + 1 if end else None
        if lines is None or lines > lengths.get(key, (0, 0))[0]:
            lengths[key] = (lines, tag["line"])
    for path in tree.sources():
        for name, lines, first in hidden_lengths(tree, path, seen.get(path, [])):
            lengths[path, name] = max((lines, first), lengths.get((path, name), (0, 0)))
    return lengths


def listed(tree):
    """{(path, name): (lines, number of the list's line)}, written as: LINES PATH NAME."""
    entries = {}
    for number, line in enumerate(tree.text(LIST).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            lines, path, name = line.split(maxsplit=2)
            entries[path, name] = (int(lines), number)
    return entries


def check(tree, _options):
    exceptions = listed(tree)
    lengths = measured(tree)
    for (path, name), (lines, line) in sorted(lengths.items()):
        most = rules.FILE_LINES_MAX if name == "the file" else rules.FUNCTION_LINES_MAX
        allowed, number = exceptions.get((path, name), (most, 0))
        if lines is None:
            yield Finding(path, line, f"ctags does not see where {name} ends: write it so that it does")
        elif lines > max(most, allowed):
            target = f"at most {most}" if allowed == most else f"the ratchet stands at {allowed}, the target is {most}"
            yield Finding(path, line, f"{name} has {lines} lines; {target}: divide it")
        elif number and lines <= most:
            yield Finding(LIST, number, f"{name} in {path} has {lines} lines now: take it from the list")
        elif lines < allowed and number:
            yield Finding(LIST, number, f"{name} in {path} has {lines} lines now: lower the ratchet to {lines}")
    for (path, name), (_, number) in exceptions.items():
        if (path, name) not in lengths:
            yield Finding(LIST, number, f"{path} has no {name} any more: take it from the list")
