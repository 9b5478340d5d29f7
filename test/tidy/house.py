#!/usr/bin/env python3
"""Checks the house rules that a machine can check, each a test of its own.

usage: house.py RULE... [--root FOLDER] [--build FOLDER] [--binary FILE]

Exit status 0: clean. 1: findings, one per line as FILE:LINE: what is wrong and the way out. 2: cannot run, and why.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True  # a new file among the sources would look like a stale build

import arrows
import binary
import calls
import clang
import dead
import lengths
import links
from tree import Tree

RULES = {
    "arrows": (arrows.check, "rooms know each other only as the map says, by #include and by CMake link"),
    "calls": (calls.check, "nothing banned is called, above all in the pure cores"),
    "binary": (binary.check, "the product holds no test code"),
    "dead": (dead.check, "every file is used by something"),
    "links": (links.check, "documents and the map agree with the tree"),
    "lengths": (lengths.check, "functions and files keep their length (the ratchet)"),
    "format": (clang.check_format, "sources have the repository's clang-format"),
    "clang_tidy": (clang.check_tidy, "clang-tidy has nothing to say (takes long; no part of the tests)"),
}


def parse_arguments():
    top = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="rules:\n" + "\n".join(f"  {name:<11} {what}" for name, (_, what) in RULES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rules", nargs="+", choices=RULES, metavar="RULE")
    parser.add_argument("--root", type=pathlib.Path, default=top, help="the tree to look at (this one)")
    parser.add_argument("--build", type=pathlib.Path, help="its build folder (ROOT/build/release)")
    parser.add_argument("--binary", type=pathlib.Path, help="the product (BUILD/bin/tagma)")
    options = parser.parse_args()
    options.build = options.build or options.root / "build" / "release"
    options.binary = str(options.binary or options.build / "bin" / "tagma")
    return options


def main():
    options = parse_arguments()
    tree = Tree(options.root)
    count = 0
    try:
        for rule in options.rules:
            for finding in RULES[rule][0](tree, options):
                print(finding, flush=True)
                count += 1
    except FileNotFoundError as missing:
        print(
            f"house.py: {rule}: {missing.filename} is missing: run ./tagma test tidy, which installs and builds what "
            "the rules need",
            file=sys.stderr,
        )
        return 2
    if count:
        print(f"{count} breach{'es' if count > 1 else ''} of the house rules (test/tidy/README.md)", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
