#!/usr/bin/env python3
"""Adds to the tally from Python: ask_tally.py CLUSTER_DIR NUMBER. The answer has been given alike by f+1 replicas."""

import sys

import tagma


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: ask_tally.py CLUSTER_DIR NUMBER", file=sys.stderr)
        return 2
    try:
        with tagma.Client(sys.argv[1]) as client:
            reply = client.call("tally", "add", sys.argv[2])
    except tagma.ConfigurationError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except tagma.TagmaError as failure:
        print(failure, file=sys.stderr)
        return 1
    print(f"the tally is {reply}, say {reply.matching} replicas alike")
    return 0


if __name__ == "__main__":
    sys.exit(main())
