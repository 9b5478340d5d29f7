#!/usr/bin/env python3
"""Runs the commands of a document as its reader would, and compares what they print with what the document shows.

usage: commands.py FILE.md [--repository FOLDER | --empty] [--timeout-s SECONDS]

The commands run in order in one bash, in a scratch folder where everything of the repository can be reached by its name
and where what they write stays. Each must end with status 0 in time. What a document may say:

  ```sh
  command                        one line, or as many as bash needs until the command is complete
  command        # text          two blanks or more before the #: its standard output, exactly (blanks aside)
  command &      # text          goes on in the background once it has said the text; Ctrl-C at the document's end
  # text                         a remark
  ```
  ```text                        right behind such a block: everything that its last command prints

  <!-- skip: REASON -->          the next block is not run
  <!-- until: TEXT -->           the next block's last command goes on (as with & above) once it has said the text
  <!-- file: NAME -->            the next block is saved as NAME
  <!-- table: TITLE
  skip `COMMAND`: REASON
  instead of `COMMAND` run `OTHER`: REASON
  -->                            the code spans in the column TITLE of the next table are commands too. The two kinds of
                                 lines between may stand in any comment, and hold from there on

In a shown output `...` stands for anything. Exit status 0: all is as the document says. 1: the first thing that is not,
as FILE:LINE: what. 2: the document cannot be run.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple, Optional

sys.dont_write_bytecode = True  # a new file among the sources would look like a stale build

import markdown
import tree
from shell import Terminal

SHELL_LANGUAGES = ("sh", "bash", "console", "shell")
MARKS = re.compile(r"^\s*(skip|until|file|table):\s*(\S.*?)\s*$", re.MULTILINE)
EXEMPTION = re.compile(
    r"^\s*(?:skip `(?P<skipped>[^`]+)`|instead of `(?P<replaced>[^`]+)` run `(?P<other>[^`]+)`):"
    r"\s*(?P<reason>\S.*?)\s*$",
    re.MULTILINE,
)


class Failure(Exception):
    """What is not as the document says."""

    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


class Command(NamedTuple):
    line: int
    text: str
    shown: Optional[str] = None  # on standard output
    shown_in_block: Optional[str] = None  # on the screen
    until: Optional[str] = None  # goes on once it has said this


class File(NamedTuple):
    line: int
    name: str
    text: str


def is_complete(text):
    """Whether bash would run it and not wait for more lines."""
    if text.endswith("\\"):
        return False
    result = subprocess.run(["bash", "-n"], input=text + "\n", text=True, stderr=subprocess.PIPE, timeout=10)
    unfinished = ("unexpected end of file", "unexpected EOF", "delimited by end-of-file")
    return not any(words in result.stderr for words in unfinished)


def commands_of(block):
    """The commands of one block."""
    commands, text, line = [], "", 0
    for number, written in enumerate(block.lines, block.line):
        if not text and (not written.strip() or written.lstrip().startswith("#")):
            continue
        text, line = (text + "\n" + written, line) if text else (written, number)
        if is_complete(text):
            commands.append(command_of(line, text))
            text = ""
    if text:
        raise Failure(line, "this command is not complete")
    return commands


def command_of(line, text):
    with_output = re.fullmatch(r"(.*\S)\s{2,}# (.*)", text, re.DOTALL)
    command, shown = with_output.groups() if with_output else (text, None)
    if re.search(r"[^&]&$", command.rstrip()):
        return Command(line, command.rstrip()[:-1], until=shown or "")
    return Command(line, command, shown)


class Exemption(NamedTuple):
    """A command that is not run as it stands, from this line on, and why."""

    line: int
    command: str
    other: Optional[str]  # what is run instead, if anything
    reason: str

    def holds_for(self, step):
        return isinstance(step, Command) and step.text == self.command and step.line > self.line


class Document:
    """A document's steps in order, and what its comments say about them."""

    def __init__(self, text):
        self._text = text
        self._lines = text.splitlines()
        self._exemptions = list(self._read_exemptions())
        self.steps = sorted([*self._blocks(), *self._tables()], key=lambda step: step.line)
        for exemption in self._exemptions:
            if not any(exemption.holds_for(step) for step in self.steps):
                raise Failure(exemption.line, f"this speaks of `{exemption.command}`, but no such command follows")

    def _read_exemptions(self):
        for comment in markdown.COMMENT.finditer(self._text):
            for found in EXEMPTION.finditer(comment[1]):
                line = tree.line_of(self._text, comment.start(1) + found.start("reason"))
                yield Exemption(line, found["skipped"] or found["replaced"], found["other"], found["reason"])

    def exemption_of(self, step):
        """The last one that holds for a command, or None."""
        return next((exemption for exemption in reversed(self._exemptions) if exemption.holds_for(step)), None)

    def _mark_before(self, line):
        """The mark in the comment that ends right above a line, blank lines between them or not: ("skip", REASON)."""
        above = "\n".join(self._lines[: line - 1]).rstrip()
        if not above.endswith("-->"):
            return None, None
        found = MARKS.search(above[above.rindex("<!--") + len("<!--") : -len("-->")])
        return found.groups() if found else (None, None)

    def _blocks(self):
        blocks = markdown.blocks(self._text)
        for block, following in zip(blocks, [*blocks[1:], None]):
            mark, words = self._mark_before(block.line - 1)
            if mark == "skip":
                print(f"line {block.line}: skipped: {words}")
            elif mark == "file":
                yield File(block.line, words, "".join(line + "\n" for line in block.lines))
            elif block.language in SHELL_LANGUAGES:
                commands = commands_of(block)
                if mark == "until":
                    commands[-1] = commands[-1]._replace(until=words)
                elif self._shows_output(block, following):
                    commands[-1] = commands[-1]._replace(shown_in_block="\n".join(following.lines))
                yield from commands

    def _shows_output(self, block, following):
        """Whether the next block comes right behind this one and is plain text."""
        if following is None or following.language != "text":
            return False
        between = self._lines[block.line + len(block.lines) : following.line - 2]
        return not "".join(between).strip()

    def _tables(self):
        """Commands in the marked columns of tables."""
        for number, line in enumerate(self._lines, 1):
            mark, words = self._mark_before(number) if line.startswith("|") else (None, None)
            if mark != "table":
                continue
            titles, *rows = markdown.table_from(self._text, number)
            if words not in titles.cells:
                raise Failure(number, f'the table has no column "{words}"')
            column = titles.cells.index(words)
            for row in rows:
                for command in markdown.CODE_SPAN.findall(row.cells[column]) if len(row.cells) > column else []:
                    yield Command(row.line, command)


def says(printed, shown):
    """Whether the output is what the document shows: blanks do not matter, `...` is anything."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in shown.split("..."))
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


class Reader:
    """Does what a document says, step by step."""

    def __init__(self, document, terminal, folder, timeout_s):
        self._document, self._terminal, self._folder, self._timeout_s = document, terminal, folder, timeout_s

    def follow(self):
        for step in self._document.steps:
            if isinstance(step, File):
                (self._folder / step.name).write_text(step.text)
            else:
                self._do(step, self._document.exemption_of(step))
        for status, printed in self._terminal.interrupt_all(self._timeout_s):
            if status not in (0, 130):
                raise Failure(0, f"what ran in the background did not end well after Ctrl-C ({status}):\n{printed}")

    def _do(self, step, exemption):
        command = step.text
        print(f"line {step.line}: {command}", end="", flush=True)
        if exemption and not exemption.other:
            print(f"   skipped: {exemption.reason}", flush=True)
            return
        if exemption:
            command = exemption.other
            print(f"   (instead: {command}; {exemption.reason})", end="", flush=True)
        begin = time.monotonic()
        if step.until is not None:
            self._start(step, command)
        else:
            self._run(step, command)
        print(f"   {time.monotonic() - begin:.1f} s", flush=True)

    def _start(self, step, command):
        with one_at_a_time():
            printed, came = self._terminal.start(command, lambda said: appears(step.until, said), self._timeout_s)
        if not came:
            raise Failure(step.line, f"`{command}` did not say `{step.until}` in {self._timeout_s} s:\n{printed}")

    def _run(self, step, command):
        together = step.shown_in_block is not None
        status, printed, errors = self._terminal.run(command, self._timeout_s, together)
        if status is None:
            raise Failure(step.line, f"`{command}` did not end in {self._timeout_s} s:\n{printed}{errors}")
        if status != 0:
            raise Failure(step.line, f"`{command}` ended with status {status}:\n{printed}{errors}")
        shown = step.shown_in_block if together else step.shown
        if shown is not None and not says(printed, shown):
            raise Failure(step.line, f"`{command}` prints\n{printed.rstrip()}\nwhere the document shows\n{shown}")


def appears(awaited, said):
    """Whether some line has the awaited words; `ready` is not found in `already`."""
    words = ".*".join(re.escape(part) for part in awaited.split("..."))
    return re.search(rf"(?<!\w){words}(?!\w)", said) is not None


@contextlib.contextmanager
def one_at_a_time():
    """Two servers that look for free ports in the same instant may find the same: started one after the other, also
    where this program runs twice, each sees what the other has taken."""
    with open(pathlib.Path(tempfile.gettempdir()) / f"tagma-commands-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_folder(top, repository):
    """A folder in which the repository's files have their names, and what is written stays apart."""
    folder = top / "folder"
    folder.mkdir()
    if repository:
        for entry in repository.iterdir():
            if entry.name not in (".git", "tagma-cluster"):
                (folder / entry.name).symlink_to(entry.resolve())
    return folder


def run_document(path, repository, timeout_s):
    document = Document(path.read_text(encoding="utf-8"))
    if not any(isinstance(step, Command) for step in document.steps):
        raise Failure(0, "has no commands")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAGMA_")}
    with tempfile.TemporaryDirectory(prefix="tagma-commands-") as top:
        top = pathlib.Path(top)
        (top / "notes").mkdir()
        folder = make_folder(top, repository)
        terminal = Terminal(folder, top / "notes", environment)
        try:
            Reader(document, terminal, folder, timeout_s).follow()
        except BaseException:
            terminal.close()
            raise
        left = terminal.close()
        if left:
            raise Failure(0, "its commands left processes behind: " + "; ".join(left))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("document", type=pathlib.Path)
    parser.add_argument("--repository", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--empty", action="store_true", help="begin in a folder without the repository's files")
    parser.add_argument("--timeout-s", type=float, default=120, help="of each command")
    options = parser.parse_args()
    try:
        run_document(options.document, None if options.empty else options.repository.resolve(), options.timeout_s)
    except OSError as error:
        print(f"commands.py: {error}", file=sys.stderr)
        return 2
    except Failure as failure:
        print(f"\n{options.document}:{failure.line}: {failure}" if failure.line else f"\n{options.document}: {failure}")
        return 1
    print(f"{options.document}: every command does what the document says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
