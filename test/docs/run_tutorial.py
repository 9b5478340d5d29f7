#!/usr/bin/env python3
"""Follows a document as a reader would: saves its files, runs its commands in order, compares what they say.

usage: run_tutorial.py DOCUMENT.md [--build BUILD_FOLDER] [--files FOLDER] [--stop-seconds S]

  --build    install this build into a temporary folder first, in place of the package that a reader installs
  --files    the saved files must be equal to those of this folder, and all of them be shown
  --stop-seconds   how long what runs in the background may take to end once it was told to (20)

What it understands in the document:

  ```sh                    commands, one per line (or more, each but the last ending with \\), run by one bash from an
                           empty folder. Each must end with status 0.
  command      # text      behind two blanks or more: the command's whole output. `...` stands for anything.
  command &    # text      runs in the background; it must say this line before the next command is run. Whatever is
                           still running at the end of the document is a failure.
  ```text                  right behind an sh block: the whole output of that block's last command, line by line.
  <!-- skip: reason -->    leaves out the block that follows.
  <!-- file: NAME -->      the block that follows is what the reader saves as NAME.

A command that shows no output must say nothing. How much white space there is does not matter. Exit 0: all was as told;
1: the first difference; 2: the document cannot be read.
"""

import argparse
import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "package"))

import support  # noqa: E402
from support import Failure, check  # noqa: E402

COMMAND_TIMEOUT_S = 120


class Block:
    """A fenced block: its language, its text, its first line's number, and the mark before it, such as ("file", "x")."""

    def __init__(self, language, mark, line):
        self.language, self.mark, self.line, self.lines = language, mark, line, []


def blocks_of(document):
    blocks, block, mark = [], None, None
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if block is not None:
            if line == "```":
                block = None
            else:
                block.lines.append(line)
        elif line.startswith("```"):
            block = Block(line[3:].strip(), mark, number + 1)
            blocks.append(block)
            mark = None
        elif found := re.fullmatch(r"<!-- (skip|file): (.+) -->", line):
            mark = (found[1], found[2])
        elif line.strip():
            check(mark is None, f"{document.name}:{number}: a mark must stand right before its block")
            if blocks and blocks[-1].language == "sh":
                blocks.append(Block("prose", None, number))  # so that what follows is not taken for its output
    check(block is None, f"{document.name}: the last block does not end")
    return blocks


def commands_of(block):
    """(line number, command, expected output or None, in the background) of each command of an sh block."""
    commands, started, text = [], None, ""
    for number, line in enumerate(block.lines, block.line):
        if started is None:
            started = number
        if line.endswith("\\"):
            text += line[:-1]
            continue
        text += line
        if text.strip() and not text.lstrip().startswith("#"):
            command, _, expected = re.fullmatch(r"(.*?)(\s{2,}# (.*))?", text).groups()
            command = command.rstrip()
            background = command.endswith("&") and not command.endswith("&&")
            commands.append((started, command.rstrip("& ") if background else command, expected, background))
        started, text = None, ""
    return commands


def same(expected, seen):
    pattern = re.escape(" ".join(expected.split())).replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, " ".join(seen.split())) is not None


class Reader:
    """A bash in a folder, and what it runs in the background."""

    def __init__(self, folder, environment):
        self.folder, self.jobs, self.mark = folder, [], f"end-of-command-{os.getpid()}"
        script, self._write = os.pipe()
        # The script comes by a descriptor of its own, so that no command can read it as its input.
        self._bash = subprocess.Popen(["bash", f"/dev/fd/{script}"], pass_fds=[script], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, env=environment,
                                      start_new_session=True, text=True, errors="replace")
        os.close(script)

    def _say(self, text):
        os.write(self._write, text.encode())

    def run(self, command):
        """The command's exit status and output."""
        self._say(f"{command}\nprintf '\\n%s %s\\n' {self.mark} $?\n")
        late = threading.Timer(COMMAND_TIMEOUT_S, self.kill)
        late.start()
        output = []
        try:
            for line in self._bash.stdout:
                if line.startswith(self.mark):
                    return int(line.split()[1]), "".join(output).removesuffix("\n").rstrip("\n")
                output.append(line)
        finally:
            late.cancel()
        raise Failure(f"bash ended, or was ended after {COMMAND_TIMEOUT_S} s, with:\n{''.join(output)}")

    def start(self, command, log):
        """Runs the command in the background, its output going to `log`."""
        status, output = self.run(f"{command} >'{log}' 2>&1 &\njobs -p | tail -n 1")
        check(status == 0 and output.isdigit(), f"cannot run in the background: {output}")
        self.jobs.append((command, int(output)))

    def still_running(self, stop_s):
        """What was started in the background and does not end within this many seconds."""
        return [command for command, process in self.jobs
                if self.run(f"timeout {stop_s} tail --pid={process} -f /dev/null")[0] != 0]

    def kill(self):
        if self._bash.poll() is None:
            os.killpg(self._bash.pid, signal.SIGKILL)

    def close(self):
        self.kill()
        self._bash.wait()
        self._bash.stdout.close()
        os.close(self._write)


def await_line(log, process, expected, timeout_s=60):
    """Waits until a file has a line that matches, as long as the process lives that writes it."""
    follower = support.Background(["tail", "-n", "+1", f"--pid={process}", "-F", log])
    try:
        follower.await_line(lambda line: same(expected, line), expected, timeout_s)
    finally:
        follower.kill()


def run_block(reader, document, block, output_block, logs):
    commands = commands_of(block)
    for at, (number, command, expected, background) in enumerate(commands):
        where = f"{document.name}:{number}: {command}"
        print(f"  {command}", flush=True)
        if background:
            log = logs / f"{len(reader.jobs)}.log"
            log.touch()
            reader.start(command, log)
            if expected is not None:
                await_line(log, reader.jobs[-1][1], expected)
            continue
        status, seen = reader.run(command)
        check(status == 0, f"{where}\nended with {status}:\n{seen}")
        if output_block is not None and at == len(commands) - 1:
            check(expected is None, f"{where}\nshows its output twice")
            wanted = [line for line in output_block.lines if line.strip()]
            said = [line for line in seen.splitlines() if line.strip()]
            fits = len(wanted) == len(said) and all(same(*pair) for pair in zip(wanted, said))
            check(fits, f"{where}\nshould say:\n" + "\n".join(output_block.lines) + f"\nand said:\n{seen}")
        else:
            check(same(expected or "", seen), f"{where}\nshould say: {expected or '(nothing)'}\nand said: {seen}")


def save_file(folder, block, files, document):
    name = block.mark[1]
    check(re.fullmatch(r"[A-Za-z0-9_.-]+", name), f"{document.name}:{block.line}: {name} is not a plain file name")
    text = "\n".join(block.lines) + "\n"
    if files is not None:
        check((files / name).is_file(), f"{document.name}:{block.line}: there is no {files / name}")
        check((files / name).read_text() == text, f"{document.name}:{block.line}: differs from {files / name}")
    (folder / name).write_text(text)
    return name


def follow(document, files, folder, environment, stop_s):
    blocks = blocks_of(document)
    check(any(block.language == "sh" for block in blocks), f"{document.name} has no commands")
    work, logs = folder / "reader", folder / "logs"
    work.mkdir()
    logs.mkdir()
    saved, reader = set(), Reader(work, environment)
    try:
        for at, block in enumerate(blocks):
            if block.mark is not None and block.mark[0] == "skip":
                continue
            if block.mark is not None:
                saved.add(save_file(work, block, files, document))
            elif block.language == "sh":
                following = blocks[at + 1] if at + 1 < len(blocks) else None
                is_output = following is not None and following.language == "text" and following.mark is None
                run_block(reader, document, block, following if is_output else None, logs)
        left = reader.still_running(stop_s)
        check(not left, f"{document.name}: still running at its end: {', '.join(left)}")
    finally:
        reader.close()
    if files is not None:
        unshown = {path.name for path in files.iterdir()} - saved
        check(not unshown, f"{document.name} does not show {', '.join(sorted(unshown))} of {files}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[2].removeprefix("usage: "))
    parser.add_argument("document", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--files", type=pathlib.Path)
    parser.add_argument("--stop-seconds", type=int, default=20)
    options = parser.parse_args()
    if not options.document.is_file():
        print(f"{options.document}: there is no such file", file=sys.stderr)
        sys.exit(2)

    def test(folder):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TAGMA_")}
        if options.build is not None:
            support.install(options.build.resolve(), folder / "prefix")
            environment = support.installed_environment(folder / "prefix")
        # A document's cluster takes the first free ports, as a reader's does: two at a time could choose the same.
        with open(pathlib.Path(tempfile.gettempdir()) / "tagma-test-document.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            follow(options.document, options.files, folder, environment, options.stop_seconds)
        print(f"{options.document.name}: every command ran and said what is shown")

    support.main(test)


if __name__ == "__main__":
    main()
