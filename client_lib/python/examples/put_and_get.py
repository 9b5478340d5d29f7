#!/usr/bin/env python3
"""Puts a key and gets it back: put_and_get.py CLUSTER_DIR [CLIENT]. Each answer has been given alike by f+1 replicas."""

import sys

import tagma


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print("usage: put_and_get.py CLUSTER_DIR [CLIENT]", file=sys.stderr)
        return 2
    try:
        with tagma.Client(sys.argv[1], client=int(sys.argv[2]) if len(sys.argv) == 3 else 0) as client:
            client.call("kv", "put", "city", "Nicaea")
            reply = client.call("kv", "get", "city")
            print(f"city is {reply}  (slot {reply.seq}, {reply.matching} replicas agreed)")
            try:
                client.call("kv", "get", "no such city")
            except tagma.Absent:
                print("and there is no other")
    except tagma.ConfigurationError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except tagma.OutcomeUnknown as unknown:
        print(f"outcome unknown: {unknown}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
