"""The few parts of Markdown that our checks look at: fenced blocks, links, headings, code spans, tables, comments."""

import re
from typing import NamedTuple

FENCE = re.compile(r"^\s*(```+|~~~+)\s*([\w+-]*)")
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\s*\[[^\]\n]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^(#+)\s+(.*?)\s*#*\s*$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, the number of its first line of content, the lines."""

    language: str
    line: int
    lines: list


def blocks(text):
    """Fenced blocks in order. One that is never closed goes to the end of the document."""
    found, fence, block = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        opened = FENCE.match(line)
        if block is None and opened:
            fence, block = opened[1], Block(opened[2], number + 1, [])
            found.append(block)
        elif block is not None and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            block = None
        elif block is not None:
            block.lines.append(line)
    return found


def prose(text):
    """The text with fenced blocks and comments blanked, line numbers kept."""
    lines = text.splitlines()
    for block in blocks(text):
        for number in range(block.line - 1, min(block.line - 1 + len(block.lines), len(lines))):
            lines[number] = ""
    return COMMENT.sub(lambda found: "\n" * found[0].count("\n"), "\n".join(lines))


def anchors(text):
    """The names that headings get, as the usual viewers make them."""
    names = set()
    for _, title in HEADING.findall(prose(text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        names.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return names


class Row(NamedTuple):
    line: int
    cells: list


def table_from(text, line):
    """The rows of the table that begins in a line, the row of titles first; the line of dashes is left out."""
    found = []
    for number, row in enumerate(prose(text).splitlines()[line - 1 :], line):
        if not row.startswith("|"):
            break
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found.append(Row(number, cells))
    return found


def table_under(text, heading):
    """The rows of the first table under a heading."""
    within = False
    for number, line in enumerate(prose(text).splitlines(), 1):
        title = re.match(r"#+\s+(.*)", line)
        if title:
            within = title[1].strip() == heading
        elif within and line.startswith("|"):
            return table_from(text, number)
    return []
