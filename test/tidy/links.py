"""Documents tell the truth about the tree: links lead somewhere, paths exist, every room is mapped and explained."""

import fnmatch
import os
import re

import markdown
import rules
from tree import SOURCE_SUFFIXES, Finding, line_of


def exists(tree, path):
    path = os.path.normpath(path)
    if "*" in path:
        return any(fnmatch.fnmatchcase(file, path) for file in [*tree.files, *tree.folders])
    return path == "." or tree.has(path) or path in tree.folders


def check_links(tree, path, prose):
    folder = os.path.dirname(path)
    for found in markdown.LINK.finditer(markdown.CODE_SPAN.sub(lambda span: "`" + " " * len(span[1]) + "`", prose)):
        link = found[1] or found[2]
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue  # elsewhere: not ours to keep
        target, _, anchor = link.partition("#")
        file = os.path.normpath(os.path.join(folder, target)) if target else path
        line = line_of(prose, found.start())
        if not exists(tree, file):
            yield Finding(path, line, f"the link to {link} leads nowhere: there is no {file}")
        elif anchor and file.endswith(".md") and anchor not in markdown.anchors(tree.text(file)):
            yield Finding(path, line, f"the link to {link} leads nowhere: {file} has no heading of that name")


def check_paths(tree, path, prose):
    """`paths/like.this` in code spans whose first part is a top-level folder of ours."""
    top_level = {file.split("/")[0] for file in tree.files if "/" in file}
    for found in markdown.CODE_SPAN.finditer(prose):
        named = found[1]
        if (
            not re.fullmatch(r"[\w.*-]+(/[\w.*+-]+)*/?", named)
            or named.split("/")[0] not in top_level
            or "/" not in named
        ):
            continue
        if not exists(tree, named) and not exists(tree, os.path.join(os.path.dirname(path), named)):
            yield Finding(path, line_of(prose, found.start()), f"names `{named}`, which does not exist")


def check_map(tree):
    table = markdown.table_under(tree.text("README.md"), rules.MAP_HEADING)
    if not table:
        yield Finding("README.md", 0, f'has no table under "{rules.MAP_HEADING}"')
        return
    on_map = set()
    for row in table[1:]:
        for named in markdown.CODE_SPAN.findall(row.cells[1]):
            on_map.add(named.split("/")[0])
            if not exists(tree, named):
                yield Finding("README.md", row.line, f"the map names `{named}`, which does not exist")
    for room in sorted({file.split("/")[0] for file in tree.files if "/" in file and not file.startswith(".")}):
        if room not in on_map:
            yield Finding("README.md", table[0].line, f"the map lacks the folder {room}/: say what one looks for there")


def check_readmes(tree):
    """A folder with sources, down to the second level, explains itself or is explained one level up."""
    with_sources = {os.path.dirname(path) for path in tree.files if path.endswith((*SOURCE_SUFFIXES, ".py", ".sh"))}
    for folder in sorted(
        {"/".join(folder.split("/")[:2]) for folder in with_sources} - {"", *rules.FOLDERS_WITHOUT_README}
    ):
        if not any(tree.has(place + "/README.md") for place in (folder, folder.split("/")[0])):
            yield Finding(folder, 0, "has no README.md: what it is for, its files, how to test it")


def check(tree, _options):
    for path in tree.files:
        if path.endswith(".md"):
            prose = markdown.prose(tree.text(path))
            yield from check_links(tree, path, prose)
            yield from check_paths(tree, path, prose)
    yield from check_map(tree)
    yield from check_readmes(tree)
