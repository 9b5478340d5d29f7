"""The client for asyncio.

    async with tagma.aio.Client("tagma-cluster") as client:
        await asyncio.gather(*(client.call("kv", "put", f"key-{i}", i) for i in range(1000)))

No thread is used per call: the library's one thread tells the event loop of each end.
"""

from __future__ import annotations

import asyncio
import collections
from typing import Any

from ._client import ClientBase, Outcome, ReplicaReport, Reply, Word, encode_payload, encode_words

# Submitting beyond what the library queues would block the event loop, so calls wait here before that.
_OPERATIONS_MAX = 16_384
_BYTES_MAX = 32 * 1024 * 1024


class _Room:
    """Lets calls in, in their order, while there is room for their operations. For one event loop."""

    def __init__(self, operations_max: int) -> None:
        self._operations_max = operations_max
        self._operations = 0
        self._bytes = 0
        self._waiting: collections.deque[tuple[int, asyncio.Future[None]]] = collections.deque()

    def _has_room(self, size: int) -> bool:
        return self._operations == 0 or (self._operations < self._operations_max and self._bytes + size <= _BYTES_MAX)

    async def enter(self, size: int) -> None:
        if self._waiting or not self._has_room(size):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.leave(size)  # it had been let in
                raise
            return
        self._operations += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        self._operations -= 1
        self._bytes -= size
        while self._waiting and (self._waiting[0][1].done() or self._has_room(self._waiting[0][0])):
            size, turn = self._waiting.popleft()
            if turn.done():
                continue
            self._operations += 1
            self._bytes += size
            turn.set_result(None)


class Client(ClientBase):
    """A session with the cluster, to be used from one event loop. The guarantees are those of tagma.Client.

    Calls are submitted in the order in which they first run. A cancelled call may have been executed, or yet be.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._room = _Room(min(options.get("queued_max", _OPERATIONS_MAX), _OPERATIONS_MAX))

    __init__.__doc__ = ClientBase.__init__.__doc__

    async def call(self, service: str, *words: Word) -> Reply:
        """Executes one operation of a service that takes words; raises what tagma.Client.call() raises."""
        return await self._submit(encode_words(service, words))

    async def call_raw(self, service: str, payload: bytes) -> Reply:
        """The same for a service with a format of its own."""
        return await self._submit(encode_payload(service, payload))

    async def reports(self, timeout: float = 1.0) -> list[ReplicaReport]:
        """What every replica says about itself, by replica; waits at most `timeout` seconds."""
        return await asyncio.to_thread(self._opened().reports, timeout)

    async def close(self) -> None:
        """Ends what is outstanding as unknown. A second time does nothing."""
        await asyncio.to_thread(self._opened().close)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _submit(self, operation: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        await self._room.enter(len(operation))
        future: asyncio.Future[Reply] = loop.create_future()

        def finish(outcome: Outcome) -> None:
            self._room.leave(len(operation))
            if future.done():
                return  # cancelled meanwhile
            if isinstance(outcome, Reply):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        def settle(outcome: Outcome) -> None:
            try:
                loop.call_soon_threadsafe(finish, outcome)
            except RuntimeError:
                pass  # the loop was closed: nobody waits any more

        try:
            self._opened().submit(operation, settle)
        except BaseException:
            self._room.leave(len(operation))
            raise
        return await future
