"""What the tests of the installed package share: folders, ports, processes that never outlive the test."""

import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time


class Failure(Exception):
    """A check that did not hold; the text says which and what was seen."""


def check(holds, what):
    if not holds:
        raise Failure(what)


def run(command, timeout_s=120, expect=0, environment=None, folder=None):
    """Runs a command to its end and returns what it wrote, both streams together. Another exit status is a failure."""
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=timeout_s, env=environment, cwd=folder, errors="replace")
    check(finished.returncode == expect,
          f"{' '.join(map(str, command))}\nended with {finished.returncode}, expected {expect}:\n{finished.stdout}")
    return finished.stdout


class Ports:
    """A free range of ports, reserved against other tests, in the way of test/end_to_end/harness."""

    count = 40

    def __init__(self):
        first, ranges = 12_000, 400
        start = os.getpid() % ranges
        for tried in range(ranges):
            base = first + (start + tried) % ranges * self.count
            path = pathlib.Path(tempfile.gettempdir()) / f"tagma-test-ports-{base}"
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                named = path.exists() and os.stat(path).st_ino == os.fstat(lock).st_ino
                if named and all(self._free(base + offset) for offset in range(self.count)):
                    self.base, self._lock, self._path = base, lock, path
                    return
            except OSError:
                pass
            os.close(lock)
        raise Failure("no free range of ports")

    @staticmethod
    def _free(port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def close(self):
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


class Background:
    """A process whose output is read while it runs. It is stopped with SIGINT, and killed with its group if need be."""

    def __init__(self, command, environment=None, folder=None):
        self.name = " ".join(map(str, command))
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
                                         cwd=folder, start_new_session=True)
        self._lines, self._changed = [], threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._lines.append(None)
            self._changed.notify_all()

    def lines(self):
        with self._changed:
            return [line for line in self._lines if line is not None]

    def await_line(self, matches, what, timeout_s=60):
        """Waits until a line of its output matches; the line."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            seen = 0
            while True:
                for line in self._lines[seen:]:
                    if line is not None and matches(line):
                        return line
                seen = len(self._lines)
                ended = bool(self._lines) and self._lines[-1] is None
                left = deadline - time.monotonic()
                if ended or left <= 0:
                    said = "\n".join(line for line in self._lines if line is not None)
                    raise Failure(f"{self.name}\n{'ended' if ended else 'went on'} without saying: {what}\n"
                                  f"it said:\n{said}")
                self._changed.wait(left)

    def stop(self, timeout_s=20):
        """Ctrl-C. Its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{self.name}\ndid not stop within {timeout_s} s of Ctrl-C") from late

    def kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(10)


def install(build, prefix):
    """Installs a build into a folder, moves the installed tree to `prefix`: it must not depend on where it was put."""
    first = prefix.with_name(prefix.name + "-first")
    run(["cmake", "--install", build, "--prefix", first])
    first.rename(prefix)


def installed_environment(prefix):
    """The environment in which the installed tree is found by programs, CMake and pkg-config."""
    library = next(iter(prefix.glob("lib*/**/libtagma_client.so")), None)
    check(library is not None, f"{prefix} has no libtagma_client.so")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TAGMA_")}
    environment["PATH"] = f"{prefix}/bin:{environment['PATH']}"
    environment["CMAKE_PREFIX_PATH"] = str(prefix)
    environment["PKG_CONFIG_PATH"] = str(library.parent / "pkgconfig")
    environment["LD_LIBRARY_PATH"] = str(library.parent)
    return environment


def main(test):
    """Runs test(folder) in a temporary folder and exits: 0, or 1 with what failed."""
    with tempfile.TemporaryDirectory(prefix="tagma-test-") as folder:
        try:
            test(pathlib.Path(folder))
        except Failure as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            sys.exit(1)
        except subprocess.TimeoutExpired as late:
            print(f"FAILED: {late}", file=sys.stderr)
            sys.exit(1)
