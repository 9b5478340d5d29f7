"""A terminal as a reader of a document has it: one bash after whose commands the next ones come, and further terminals
for programs that go on until Ctrl-C."""

import os
import pathlib
import signal
import subprocess
import time


class TimedOut(Exception):
    """A command did not end, or did not say what was awaited, in time."""


class Terminal:
    """Runs commands in one bash, so that a folder that was entered or a variable that was set stays so. Output goes to
    files below `notes`. Close it: it leaves no process behind."""

    def __init__(self, folder, notes, environment):
        self._notes = pathlib.Path(notes)
        self._count = 0
        self._background = {}  # process id -> output file
        self._statuses, told = os.pipe()
        self._told = told
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[told],
            start_new_session=True,
        )
        self._say("set -m")  # every background command in a process group of its own, as from a keyboard

    def _say(self, line):
        self._bash.stdin.write(line + "\n")
        self._bash.stdin.flush()

    def _answer(self, deadline):
        """The number that bash writes when a command has ended or was started."""
        os.set_blocking(self._statuses, False)
        text = b""
        while not text.endswith(b"\n"):
            try:
                text += os.read(self._statuses, 64)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimedOut from None
                time.sleep(0.01)
            if self._bash.poll() is not None:
                return self._bash.returncode  # the command was `exit`, or killed its own shell
        return int(text)

    def _written(self, command):
        self._count += 1
        script = self._notes / f"{self._count}.command"
        script.write_text(command + "\n")
        return script, self._notes / f"{self._count}.output", self._notes / f"{self._count}.errors"

    def run(self, command, timeout_s, together):
        """The exit status, standard output and standard error; `together`: both in the first, as on a screen."""
        script, output, errors = self._written(command)
        errors.touch()
        self._say(
            f"eval \"$(cat '{script}')\" >'{output}' 2>{'&1' if together else repr(str(errors))} </dev/null; "
            f"echo $? >&{self._told}"
        )
        try:
            status = self._answer(time.monotonic() + timeout_s)
        except TimedOut:
            status = None
        return status, output.read_text(errors="replace"), errors.read_text(errors="replace")

    def start(self, command, awaited, timeout_s):
        """Starts a command that goes on, and waits until `awaited` is true of its output or it has ended. Returns the
        output and whether that came."""
        script, output, _ = self._written(command)
        output.touch()
        self._say(f"{{ eval \"$(cat '{script}')\"; }} >'{output}' 2>&1 </dev/null & echo $! >&{self._told}")
        deadline = time.monotonic() + timeout_s
        process = self._answer(deadline)
        self._background[process] = output
        while time.monotonic() < deadline:
            said = output.read_text(errors="replace")
            if awaited(said):
                return said, True
            if not os.path.exists(f"/proc/{process}"):
                break
            time.sleep(0.02)
        said = output.read_text(errors="replace")
        return said, awaited(said)

    def interrupt_all(self, timeout_s):
        """Ctrl-C in every terminal of a background command. Yields (exit status, None in case of no end; output)."""
        for process, output in self._background.items():
            try:
                os.killpg(process, signal.SIGINT)
            except ProcessLookupError:
                pass  # it had ended before
            self._say(f"wait {process}; echo $? >&{self._told}")
            try:
                yield self._answer(time.monotonic() + timeout_s), output.read_text(errors="replace")
            except TimedOut:
                yield None, output.read_text(errors="replace")
        self._background.clear()

    def _processes(self):
        """What runs in this terminal's session, bash itself aside: {process id: command line}."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self._bash.pid:
                continue
            try:
                stat = (entry / "stat").read_text()
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue  # it has just ended
            state, _, _, session = stat.rpartition(")")[2].split()[:4]
            if int(session) == self._bash.pid and state != "Z":
                found[int(entry.name)] = words
        return found

    def close(self):
        """Ends whatever is left. Returns the command lines of what should have ended by itself."""
        left = self._processes()
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._bash.kill()
        self._bash.wait()
        self._bash.stdin.close()
        os.close(self._statuses)
        os.close(self._told)
        return list(left.values())
