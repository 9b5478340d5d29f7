"""Files that nothing uses any more."""

import os
import re

import rules
from targets import read_targets
from tree import SOURCE_SUFFIXES, Finding, matches


def check_sources(tree, build):
    built = {source for target in read_targets(build, tree).values() for source in target.sources}
    for path in tree.sources():
        if not path.endswith(".h") and path not in built and not is_example_to_copy(tree, path):
            yield Finding(path, 0, "is in no CMake target: add it to its CMakeLists.txt or remove it")


def check_suffixes(tree):
    """Every rule looks at sources by their suffix: what holds code has one of those that they look at, and nothing else
    is compiled in by #include."""
    for path in tree.files:
        if path.endswith(tuple(rules.FOREIGN_SOURCE_SUFFIXES.split())):
            yield Finding(path, 0, f"no rule looks at a source of this suffix: name it {' or '.join(SOURCE_SUFFIXES)}")
    for path in tree.sources():
        for include in tree.includes(path):
            included = tree.resolve(path, include.name)
            if included and not included.endswith(".h"):
                yield Finding(path, include.line, f'includes "{include.name}": only headers (.h) are included')


def is_example_to_copy(tree, path):
    """A project of its own, which lies in our tree to be copied and is built outside of it."""
    project = os.path.dirname(path) + "/CMakeLists.txt"
    return tree.has(project) and re.search(r"^project\(", tree.text(project), re.MULTILINE) is not None


def check_headers(tree):
    included = set()
    for path in tree.sources():
        included |= {tree.resolve(path, include.name) for include in tree.includes(path)} - {path}
    for path in tree.sources():
        if path.endswith(".h") and path not in included:
            yield Finding(path, 0, "is included by nobody: remove it")


def is_named(tree, path, words_by_file):
    """Whether some other file has the name of this one, with or without what follows its dots, as a word. Of what is
    read as a whole, the folder's name is enough."""
    name = os.path.basename(path)
    wanted = {name, os.path.splitext(name)[0], name.split(".")[0] or name}
    if matches(path, rules.READ_AS_A_WHOLE):
        wanted.add(os.path.basename(os.path.dirname(path)))
    return any(wanted & words for file, words in words_by_file.items() if file != path)


def check_other_files(tree):
    readers = (".md", ".cmake", ".txt", ".sh", ".py", ".in", ".json", *SOURCE_SUFFIXES)
    words_by_file = {
        path: set(re.findall(r"[\w.@+-]*\w", tree.text(path)))
        for path in tree.files
        if path.endswith(readers) or "." not in os.path.basename(path)
    }
    sources = (*SOURCE_SUFFIXES, *rules.FOREIGN_SOURCE_SUFFIXES.split())
    for path in tree.files:
        if path.endswith((".md", *sources)) or matches(path, rules.KNOWN_BY_TOOLS):
            continue
        if not is_named(tree, path, words_by_file):
            yield Finding(path, 0, "no other file names it: remove it, or say where it is used")


def check_documents(tree):
    documents = [path for path in tree.files if path.endswith(".md")]
    mentioned = {path: set(re.findall(r"[\w./-]+\.md\b", tree.text(path))) for path in documents}
    for path in documents:
        if matches(path, rules.KNOWN_BY_TOOLS):
            continue
        others = (other for other in documents if other != path)
        if not any(path in resolved(other, mentioned[other]) for other in others):
            yield Finding(path, 0, "no other document links to it: link it from docs/README.md or its room's README.md")


def resolved(document, names):
    """What paths the names in a document can mean: from its folder, or from the top."""
    folder = os.path.dirname(document)
    return names | {os.path.normpath(os.path.join(folder, name)) for name in names}


def check(tree, options):
    yield from check_suffixes(tree)
    yield from check_sources(tree, options.build)
    yield from check_headers(tree)
    yield from check_other_files(tree)
    yield from check_documents(tree)
