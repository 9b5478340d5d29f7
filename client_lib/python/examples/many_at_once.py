#!/usr/bin/env python3
"""A thousand calls at once with asyncio: many_at_once.py CLUSTER_DIR [COUNT]."""

import asyncio
import sys
import time

from tagma.aio import Client


async def run(directory: str, count: int) -> None:
    async with Client(directory) as client:
        start = time.monotonic()
        await asyncio.gather(*(client.call("kv", "put", f"number-{i}", i) for i in range(count)))
        took = time.monotonic() - start
        last = await client.call("kv", "get", f"number-{count - 1}")
        print(f"{count} writes in {took:.2f} s; the last one reads {last}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        print("usage: many_at_once.py CLUSTER_DIR [COUNT]", file=sys.stderr)
        sys.exit(2)
    asyncio.run(run(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 1000))
