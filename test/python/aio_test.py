"""The client for asyncio against a real cluster."""

import asyncio
import unittest

import tagma
from cluster import Cluster
from tagma.aio import Client, _Room


class AsyncClient(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)

    async def test_a_thousand_calls_at_once_in_the_order_of_their_submission(self):
        async with Client(self.cluster.directory) as client:
            replies = await asyncio.gather(*(client.call("counter", "add", 1) for _ in range(1000)))
            totals = [int(reply.text) for reply in replies]
            self.assertEqual(totals, list(range(totals[0], totals[0] + 1000)))

    async def test_more_than_the_library_queues_waits_without_blocking_the_loop(self):
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        async with Client(self.cluster.directory, queued_max=16, window=4) as client:
            value = "x" * 10_000
            await asyncio.gather(*(client.call("kv", "put", f"key-{n}", value) for n in range(300)))
        ticking.cancel()
        self.assertGreater(ticks, 10)

    async def test_answers_that_are_no_success_are_raised(self):
        async with Client(self.cluster.directory) as client:
            with self.assertRaises(tagma.Absent):
                await client.call("kv", "get", "nowhere")
            with self.assertRaises(tagma.Refused):
                await client.call_raw("kv", b"nonsense")
            with self.assertRaises(tagma.NotExecuted):
                await client.call("kv", "put", "big", "x" * 200_000)
            self.assertEqual(len(await client.reports(5.0)), 4)

    async def test_a_cancelled_call_leaves_the_client_and_the_order_whole(self):
        async with Client(self.cluster.directory) as client:
            calls = [asyncio.create_task(client.call("kv", "put", "cancelled", n)) for n in range(20)]
            await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            ends = await asyncio.gather(*calls, return_exceptions=True)
            self.assertTrue(all(isinstance(end, asyncio.CancelledError) for end in ends[::2]))
            self.assertTrue(all(isinstance(end, tagma.Reply) for end in ends[1::2]))
            self.assertEqual((await client.call("kv", "get", "cancelled")).text, "19")

    async def test_closing_ends_what_is_outstanding_as_unknown(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        client = Client(cluster.directory)
        await client.call("kv", "put", "key", "value")
        cluster.stop_replicas(0, 1, 2, 3)
        calls = [asyncio.create_task(client.call("kv", "get", "key")) for _ in range(50)]
        await asyncio.sleep(0)
        await client.close()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        self.assertTrue(all(isinstance(end, tagma.OutcomeUnknown) for end in ends), ends[:3])
        with self.assertRaises(tagma.NotExecuted):
            await client.call("kv", "get", "key")
        await client.close()

    async def test_room_is_given_in_order_and_given_back_by_those_who_gave_up(self):
        room = _Room(2)
        await room.enter(1)
        await room.enter(1)
        waiting = [asyncio.create_task(room.enter(1)) for _ in range(3)]
        await asyncio.sleep(0)
        self.assertFalse(any(each.done() for each in waiting))
        waiting[0].cancel()
        room.leave(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.assertEqual([each.done() for each in waiting], [True, True, False])
        waiting[2].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        room.leave(1)
        room.leave(1)
        self.assertEqual((room._operations, room._bytes), (0, 0))


class ClosedLoop(unittest.TestCase):
    def test_a_loop_that_ends_before_the_reply_harms_nobody(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        client = Client(cluster.directory, timeout=2.0)

        async def begin():
            await client.call("kv", "put", "key", "value")
            cluster.stop_replicas(1, 2)
            asyncio.ensure_future(client.call("kv", "get", "key"))
            await asyncio.sleep(0)

        asyncio.run(begin())
        cluster.continue_replicas(1, 2)
        asyncio.run(client.close())


if __name__ == "__main__":
    unittest.main()
