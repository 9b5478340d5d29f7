"""The blocking client against a real cluster: what it returns, what it raises, in which order."""

import array
import os
import shutil
import threading
import unittest

import tagma
from cluster import Cluster

OPERATION_BYTES_MAX = 128 * 1024


class BlockingClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        self.client = tagma.Client(self.cluster.directory)
        self.addCleanup(self.client.close)

    def test_a_reply_has_bytes_text_slot_and_votes(self):
        self.assertEqual(self.client.call("kv", "put", "city", "Nicaea").text, "ok")
        reply = self.client.call("kv", "get", "city")
        self.assertEqual((str(reply), bytes(reply), reply.text), ("Nicaea", b"Nicaea", "Nicaea"))
        self.assertGreaterEqual(reply.matching, 2)
        self.assertGreater(reply.seq, 0)
        self.assertGreater(reply.latency, 0)

    def test_words_are_text_bytes_or_numbers(self):
        binary = bytes(range(256))
        self.client.call("kv", "put", b"\0key\xff", binary)
        self.assertEqual(self.client.call("kv", "get", b"\0key\xff").data, binary)
        self.client.call("memory", "write", 3, 42)
        self.assertEqual(self.client.call("memory", "read", "3").text, "42")
        self.client.call("kv", "put", "ville", "Nicée")
        self.assertEqual(self.client.call("kv", "get", "ville").text, "Nicée")
        for wrong in (None, 1.5, True, ["a"]):
            with self.assertRaises(TypeError):
                self.client.call("kv", "put", "key", wrong)

    def test_absent_and_refused_carry_the_agreed_answer(self):
        with self.assertRaises(tagma.Absent) as absent:
            self.client.call("kv", "get", "nowhere")
        self.assertIsInstance(absent.exception, LookupError)
        self.assertGreaterEqual(absent.exception.reply.matching, 2)
        with self.assertRaises(tagma.Refused) as refused:
            self.client.call("kv", "put", "too few")
        self.assertIn("kv put KEY VALUE", str(refused.exception))
        with self.assertRaises(tagma.Refused):
            self.client.call("nosuchservice", "read")

    def test_a_compare_and_set_and_a_scan(self):
        self.client.call("kv", "put", "scan-a", "1")
        self.client.call("kv", "put", "scan-b", "2")
        self.client.call("kv", "cas", "scan-b", "2", "3")
        with self.assertRaises(tagma.Refused):
            self.client.call("kv", "cas", "scan-b", "2", "4")
        self.assertEqual(self.client.call("kv", "scan", "scan-", "scan-z").text, "scan-a\t1\nscan-b\t3")

    def test_values_up_to_the_limit_pass_and_larger_ones_are_not_executed(self):
        overhead = len(b"\x02kv") + 3 * 4 + len("put") + len("big")
        largest = "x" * (OPERATION_BYTES_MAX - overhead)
        self.client.call("kv", "put", "big", largest)
        self.assertEqual(self.client.call("kv", "get", "big").text, largest)
        with self.assertRaises(tagma.NotExecuted):
            self.client.call("kv", "put", "big", largest + "x")

    def test_a_service_with_its_own_format_gets_the_payload_as_it_is(self):
        with self.assertRaises(tagma.Refused):
            self.client.call_raw("kv", b"\xff\xff\xff\xffnonsense")
        with self.assertRaises(tagma.Refused):
            self.client.call_raw("kv", memoryview(array.array("i", [1, 2, 3])))
        with self.assertRaises(TypeError):
            self.client.call_raw("kv", [1, 2])
        for name in ("", "x" * 65, "a\0b"):
            with self.assertRaises(ValueError):
                self.client.call_raw(name, b"")
        with self.assertRaises(ValueError):
            self.client.call("kv", *["w"] * 65)

    def test_operations_execute_in_the_order_of_their_submission(self):
        futures = [self.client.submit("counter", "add", 1) for _ in range(500)]
        totals = [int(future.result().text) for future in futures]
        self.assertEqual(totals, list(range(totals[0], totals[0] + 500)))
        slots = [future.result().seq for future in futures]
        self.assertEqual(slots, sorted(slots))

    def test_one_client_serves_many_threads_and_each_thread_may_have_its_own(self):
        def work(client, name):
            for number in range(50):
                client.call("kv", "put", f"{name}-{number}", number)

        others = [tagma.Client(self.cluster.directory, client=number) for number in range(1, 4)]
        threads = [threading.Thread(target=work, args=(self.client, f"shared-{n}")) for n in range(4)]
        threads += [threading.Thread(target=work, args=(other, f"own-{n}")) for n, other in enumerate(others)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in [f"shared-{n}" for n in range(4)] + [f"own-{n}" for n in range(3)]:
            self.assertEqual(self.client.call("kv", "get", f"{name}-49").text, "49")
        for other in others:
            other.close()

    def test_reports_of_all_replicas(self):
        reports = self.client.reports(5.0)
        self.assertEqual([report.replica for report in reports], [0, 1, 2, 3])
        self.assertTrue(all(report.answered and report.voting for report in reports))
        self.assertTrue(all(len(report.state_digest) == 32 and report.round_trip > 0 for report in reports))

    def test_wrong_files_keys_and_options_are_named(self):
        def refusal(**options):
            with self.assertRaises(tagma.ConfigurationError) as wrong:
                tagma.Client(**options)
            return str(wrong.exception)

        directory = self.cluster.directory
        self.assertIn("nowhere/cluster.toml", refusal(directory="nowhere"))
        self.assertIn("no client 99", refusal(directory=directory, client=99, identity_file="unread"))
        self.assertIn("timeout", refusal(directory=directory, timeout=0))
        self.assertIn("window", refusal(directory=directory, window=5000))
        self.assertIn("window", refusal(directory=directory, window=-1))
        for timeout in (float("inf"), float("nan"), 1e30, -1):
            self.assertIn("timeout", refusal(directory=directory, timeout=timeout))
        self.assertIn("cannot be the path", refusal(directory=directory + "\0elsewhere"))
        file = os.path.join(directory, "cluster.toml")
        other = os.path.join(directory, "client-1", "identity.key")
        self.assertIn(other, refusal(cluster_file=file, identity_file=other, client=0))
        copy = os.path.join(self.cluster.folder, "readable.key")
        shutil.copy(other, copy)
        os.chmod(copy, 0o644)
        self.assertIn(copy, refusal(cluster_file=file, identity_file=copy, client=1))
        for options in ({}, {"cluster_file": file}, {"directory": directory, "cluster_file": file}):
            with self.assertRaises(TypeError):
                tagma.Client(**options)


class TooFewReplicas(unittest.TestCase):
    def test_without_a_quorum_the_outcome_is_unknown_in_time_and_later_calls_work_again(self):
        cluster = Cluster()
        self.addCleanup(cluster.close)
        with tagma.Client(cluster.directory, timeout=1.0) as client, tagma.Client(cluster.directory, client=1) as other:
            client.call("kv", "put", "key", "before")
            cluster.stop_replicas(1, 2)
            with self.assertRaises(tagma.OutcomeUnknown) as unknown:
                client.call("kv", "put", "key", "during")
            self.assertFalse(unknown.exception.evicted)
            cluster.continue_replicas(1, 2)
            # What timed out is still on its way, and what comes behind it executes behind it.
            self.assertEqual(other.call("kv", "put", "other", "after").text, "ok")
            self.assertEqual(client.submit("kv", "get", "key").exception(), None)
            self.assertEqual(client.call("kv", "get", "key").text, "during")


if __name__ == "__main__":
    unittest.main()
