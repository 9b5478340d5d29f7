#!/usr/bin/env python3
"""Proves that run_tutorial.py fails where it should: each case is a small document and the verdict that it must get."""

import pathlib
import subprocess
import sys
import tempfile

RUNNER = pathlib.Path(__file__).resolve().parent / "run_tutorial.py"

GOOD = """# A document

<!-- file: greeting.txt -->
```text
hello
```

```sh
cat greeting.txt          # hello
x=5
echo "$x and \\
more"                     # 5 ... more
cat greeting.txt
```

```text
hello
```

<!-- skip: it would fail -->
```sh
false
```

```sh
sh -c 'echo begun; exec cat fifo' &     # begun
```

Prose.

```sh
true
```
"""

# (what is wrong, the text that is replaced, by what, a part of the complaint); None: nothing is wrong.
CASES = [
    (None, "", "", "every command ran"),
    ("a command differs", "x=5", "x=6", "should say: 5 ... more"),
    ("an output differs", "# hello", "# hullo", "should say: hullo"),
    ("a block of output differs", "```text\nhello\n```\n\n<!-- skip", "```text\nhullo\n```\n\n<!-- skip", "should say:\nhullo"),
    ("a block of output has a line more", "```text\nhello\n```\n\n<!-- skip", "```text\nhello\n...\n```\n\n<!-- skip",
     "should say:\nhello"),
    ("a saved file differs", "```text\nhello\n```\n\n```sh", "```text\nhello!\n```\n\n```sh", "greeting.txt"),
    ("a command fails", "x=5", "x=5; false", "ended with 1"),
    ("a command says what is not shown", "x=5", "x=5; echo so", "(nothing)"),
    ("a skipped block is run", "<!-- skip: it would fail -->\n", "", "ended with 1"),
    ("a background command does not say it", "# begun", "# began", "without saying: began"),
    ("a background command goes on", "; exec cat fifo", "; exec sleep 1000", "still running"),
    ("there is no command", "```sh", "```bash", "has no commands"),
    ("a file is not shown", "<!-- file: greeting.txt -->", "", "cat: greeting.txt"),
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = folder / "files"
        files.mkdir()
        (files / "greeting.txt").write_text("hello\n")
        for wrong, old, new, complaint in CASES:
            assert old in GOOD, wrong
            document = folder / "document.md"
            document.write_text(GOOD.replace(old, new) if old else GOOD)
            run = subprocess.run([sys.executable, RUNNER, document, "--files", files, "--stop-seconds", "2"],
                                 capture_output=True, text=True, timeout=120, check=False)
            said = run.stdout + run.stderr
            if run.returncode != (0 if wrong is None else 1) or complaint not in said:
                failed += 1
                print(f"where {wrong or 'nothing is wrong'}: status {run.returncode}, it said:\n{said}\n")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
