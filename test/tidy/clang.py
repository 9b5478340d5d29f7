"""What clang's own tools check: the format, and (outside of the ordinary tests, since it takes long) clang-tidy."""

import os
import re
import subprocess

from tree import Finding

DIAGNOSTIC = re.compile(r"^(?:\./)?(.+?):(\d+):\d+: (?:error|warning): (.*)$", re.MULTILINE)


def check_format(tree, _options):
    result = subprocess.run(
        ["clang-format", "--dry-run", "-Werror", *tree.sources()],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tree.root,
        timeout=120,
    )
    lines_by_file = {}
    for path, line, _ in DIAGNOSTIC.findall(result.stderr):
        lines_by_file.setdefault(path, int(line))
    for path, line in lines_by_file.items():
        yield Finding(path, line, f"is not formatted from here on: clang-format -i {path}")
    if result.returncode and not lines_by_file:
        raise RuntimeError("clang-format failed: " + result.stderr)


def check_tidy(tree, options):
    """Prints clang-tidy's findings as they come, since a whole run takes long."""
    if not (options.build / "compile_commands.json").exists():
        raise FileNotFoundError(2, "never configured", str(options.build / "compile_commands.json"))
    rooms = sorted({path.split("/")[0] for path in tree.sources()})
    command = ["run-clang-tidy", "-quiet", "-p", str(options.build), "-j", str(os.cpu_count() or 1)]
    result = subprocess.run([*command, f"^{re.escape(str(tree.root))}/({'|'.join(rooms)})/"])
    if result.returncode:
        yield Finding("clang-tidy", 0, "has findings (above)")
