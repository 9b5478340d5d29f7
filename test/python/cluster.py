"""A real cluster for the tests of the Python package."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "package"))
import support  # noqa: E402

PROGRAM = os.environ["TAGMA_PROGRAM"]


class Cluster:
    """`tagma up` in a folder of its own, serving. Everything is gone after close()."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="tagma-test-")
        self.directory = os.path.join(self.folder, "cluster")
        self.ports = support.Ports()
        self.process = support.Background(
            [PROGRAM, "up", "--dir", self.directory, "--base-port", str(self.ports.base), *options])
        try:
            self.process.await_line(lambda line: line.startswith("ready"), "ready")
        except support.Failure:
            self.close()
            raise

    def replicas(self):
        """Process ids of the replicas, by id."""
        found = {}
        for line in self.process.lines():
            words = line.split()
            if words[:1] == ["replica"] and words[2:3] == ["pid"]:
                found[int(words[1])] = int(words[3])
        return found

    def stop_replicas(self, *ids):
        for replica in ids:
            os.kill(self.replicas()[replica], signal.SIGSTOP)

    def continue_replicas(self, *ids):
        for replica in ids:
            os.kill(self.replicas()[replica], signal.SIGCONT)

    def close(self):
        try:
            self.continue_replicas(*self.replicas())
        except ProcessLookupError:
            pass
        try:
            self.process.stop()
        finally:
            self.process.kill()
            self.ports.close()
            shutil.rmtree(self.folder, ignore_errors=True)
