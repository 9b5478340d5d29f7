"""The blocking client, and what it shares with the one for asyncio."""

from __future__ import annotations

import atexit
import concurrent.futures
import ctypes
import itertools
import os
import threading
import warnings
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Union

from . import _library
from ._errors import Absent, Closed, ConfigurationError, NotExecuted, OutcomeUnknown, Refused, TagmaError
from ._library import library

Word = Union[str, bytes, bytearray, memoryview, int]
Outcome = Union["Reply", TagmaError]

_ERROR_BYTES = 1024
_SECONDS_MAX = 365 * 24 * 3600


@dataclass(frozen=True)
class Reply:
    """What f+1 replicas answered alike."""

    data: bytes
    seq: int  #: slot in the total order
    view: int
    matching: int  #: replicas that agreed
    latency: float  #: seconds from submission

    @property
    def text(self) -> str:
        """The answer as text; bytes that are no UTF-8 become surrogates (PEP 383)."""
        return self.data.decode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        return self.text

    def __bytes__(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class ReplicaReport:
    """What one replica says about itself: its own word, believed by nobody else."""

    replica: int
    answered: bool
    voting: bool
    epoch: int
    incarnation: int
    view: int
    last_executed: int
    stable_checkpoint: int
    state_digest_seq: int
    state_digest: bytes
    round_trip: float  #: seconds


def encode_word(word: Word) -> bytes:
    if isinstance(word, str):
        return word.encode("utf-8", "surrogateescape")
    if isinstance(word, bool) or not isinstance(word, (bytes, bytearray, memoryview, int)):
        raise TypeError(f"a word is str, bytes or int, not {type(word).__name__}")
    return str(word).encode() if isinstance(word, int) else bytes(word)


def encode_words(service: str, words: tuple[Word, ...]) -> bytes:
    """The operation of a service that takes words, as the bundled ones do."""
    parts = [encode_word(word) for word in words]
    texts = (ctypes.c_char_p * len(parts))(*parts)
    sizes = (ctypes.c_size_t * len(parts))(*map(len, parts))
    return _encode(library.tagma_encode_words, service, texts, sizes, len(parts))


def encode_payload(service: str, payload: bytes) -> bytes:
    """The operation of a service that takes bytes of its own format."""
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        raise TypeError(f"a payload is bytes, not {type(payload).__name__}")
    content = bytes(payload)
    return _encode(library.tagma_encode_operation, service, content, len(content))


def _encode(function: Callable[..., int], service: str, *content: Any) -> bytes:
    name = service.encode("utf-8")
    if b"\0" in name:
        raise ValueError(f"{service!r} cannot name a service")
    size = function(name, *content, None, 0)
    if size == 0:
        raise ValueError(f"service {service!r}: a name has 1 to 64 bytes, an operation at most 64 words behind it")
    buffer = ctypes.create_string_buffer(size)
    function(name, *content, buffer, size)
    return buffer.raw


# Submissions whose end has not come, by number. The number is what the library hands back, so that nothing it holds is an
# address of the interpreter's.
_pending: dict[int, Callable[[Outcome], None]] = {}
_numbers = itertools.count(1)
_callback_thread = threading.local()


def _outcome_of(result: int) -> Outcome:
    status = library.tagma_result_status(result)
    if status != _library.CALL_OK:
        message = library.tagma_result_error(result).decode("utf-8", "replace")
        if status == _library.CALL_INVALID:
            return NotExecuted(message)
        return OutcomeUnknown(message, status == _library.CALL_EVICTED)
    size = ctypes.c_size_t()
    text = library.tagma_result_text(result, ctypes.byref(size))
    reply = Reply(
        ctypes.string_at(text, size.value),
        library.tagma_result_seq(result),
        library.tagma_result_view(result),
        library.tagma_result_matching(result),
        library.tagma_result_latency_us(result) / 1e6,
    )
    reply_status = library.tagma_result_reply_status(result)
    if reply_status == _library.REPLY_ABSENT:
        return Absent(reply, "absent")
    return reply if reply_status == _library.REPLY_OK else Refused(reply, "refused")


@_library.CALLBACK
def _ended(context: int, result: int) -> None:
    """Runs on the library's thread, once per submission."""
    settle = _pending.pop(context)
    _callback_thread.active = getattr(_callback_thread, "active", 0) + 1
    try:
        settle(_outcome_of(result))
    finally:
        _callback_thread.active -= 1


def _is_callback() -> bool:
    return getattr(_callback_thread, "active", 0) > 0


def _may_wait() -> None:
    if _is_callback():
        raise RuntimeError("a callback cannot wait: what it waits for comes on its own thread; use submit()")


def _close_unused(handle: int, process: int) -> None:
    """What the garbage collector calls, on any thread and under any lock: perhaps the lock of a future that closing
    ends, perhaps on the very thread that closing waits for. So another thread does it."""
    if os.getpid() == process:  # a forked child has no thread of the library's to join: the handle stays the parent's
        threading.Thread(target=library.tagma_client_close, args=(handle,), daemon=True).start()


class Session:
    """One open client of the library: what Client and aio.Client stand on. Safe from many threads."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._handle, self._process = _open(**options), os.getpid()
        self._users = 0  # threads inside of the library with the handle
        self._idle = threading.Condition()
        self._finalizer = weakref.finalize(self, _close_unused, self._handle, self._process)
        self._finalizer.atexit = False  # closed by _close_all, which runs before the interpreter's end

    def _enter(self) -> int:
        if os.getpid() != self._process:
            raise RuntimeError("this client belongs to the process before fork(); open another one in the child")
        with self._idle:
            if not self._finalizer.alive:
                raise Closed("the client is closed; nothing was sent")
            self._users += 1
        return self._handle

    def _leave(self) -> None:
        with self._idle:
            self._users -= 1
            self._idle.notify_all()

    def submit(self, operation: bytes, settle: Callable[[Outcome], None]) -> None:
        """`settle` gets the end, once, on the library's thread or (what cannot be sent) on this one."""
        handle = self._enter()
        number = next(_numbers)
        _pending[number] = settle
        try:
            error = library.tagma_client_submit(handle, operation, len(operation), _ended, number)
        finally:
            self._leave()
        if error != _library.ERROR_NONE:
            del _pending[number]
            raise MemoryError("the client library could not take the operation")

    def reports(self, timeout: float) -> list[ReplicaReport]:
        _may_wait()
        timeout_ms = _milliseconds("timeout", timeout)
        handle = self._enter()
        try:
            count = ctypes.c_size_t(64)
            reports = (_library.Report * count.value)()
            error = library.tagma_client_reports(handle, timeout_ms, reports, len(reports), ctypes.byref(count))
        finally:
            self._leave()
        if error != _library.ERROR_NONE:
            raise MemoryError("the client library could not ask for reports")
        told = reports[: count.value]
        if self.closed and not (told and all(each.answered for each in told)):
            raise Closed("the client was closed while this thread waited for reports")
        return [_report_of(each) for each in told]

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def close(self) -> None:
        if _is_callback():
            raise RuntimeError("close() from a callback: the library's thread cannot end itself")
        if os.getpid() != self._process:
            self._finalizer.detach()  # the parent's; its threads, which may be inside, do not exist here
            return
        with self._idle:
            if not self._finalizer.alive:
                return
            finish = self._finalizer.detach()
            library.tagma_client_stop(self._handle)  # whoever is inside comes out now
            self._idle.wait_for(lambda: self._users == 0)
        if finish is not None:
            library.tagma_client_close(self._handle)


def _report_of(report: _library.Report) -> ReplicaReport:
    return ReplicaReport(
        report.replica,
        bool(report.answered),
        bool(report.voting),
        report.epoch,
        report.incarnation,
        report.view,
        report.last_executed,
        report.stable_checkpoint,
        report.state_digest_seq,
        bytes(report.state_digest),
        report.round_trip_us / 1e6,
    )


_open_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Before the interpreter goes: no callback may come after that."""
    for session in list(_open_sessions):
        session.close()


def _milliseconds(name: str, seconds: float) -> int:
    if not 0 < seconds <= _SECONDS_MAX:
        raise ConfigurationError(f"{name} {seconds} is out of range: more than 0 seconds, at most a year")
    return max(1, round(seconds * 1000))


def _path(path: Any) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ConfigurationError(f"{path!r} cannot be the path of a file")
    return encoded


def _open(
    directory: Any, cluster_file: Any, identity_file: Any, client: int, timeout: float, window: int, queued_max: int
) -> int:
    if (directory is None) == (cluster_file is None):
        raise TypeError("give either the cluster folder or cluster_file")
    if cluster_file is not None and identity_file is None:
        raise TypeError("cluster_file needs identity_file beside it")
    if directory is not None:
        cluster_file = os.path.join(os.fsdecode(directory), "cluster.toml")
        if identity_file is None:
            identity_file = os.path.join(os.fsdecode(directory), f"client-{client}", "identity.key")
    for name, value, most in (("client", client, 2**32), ("window", window, 2**32), ("queued_max", queued_max, 2**64)):
        if not 0 <= value < most:
            raise ConfigurationError(f"{name} {value} is out of range")
    options = _library.Options()
    library.tagma_options_init(ctypes.byref(options))
    options.cluster_file = _path(cluster_file)
    options.identity_file = _path(identity_file)
    options.client = client
    options.window = window
    options.queued_max = queued_max
    options.timeout_ms = _milliseconds("timeout", timeout)
    handle = ctypes.c_void_p()
    text = ctypes.create_string_buffer(_ERROR_BYTES)
    error = library.tagma_client_open(ctypes.byref(options), ctypes.byref(handle), text, len(text))
    if error == _library.ERROR_SYSTEM:
        raise OSError(text.value.decode("utf-8", "replace"))
    if error != _library.ERROR_NONE or handle.value is None:
        raise ConfigurationError(text.value.decode("utf-8", "replace"))
    return handle.value


class ClientBase:
    """Opening and closing, shared by Client and aio.Client."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        cluster_file: str | os.PathLike[str] | None = None,
        identity_file: str | os.PathLike[str] | None = None,
        client: int = 0,
        timeout: float = 10.0,
        window: int = 256,
        queued_max: int = 65536,
    ) -> None:
        """Opens a session; connects in the background, so it succeeds while replicas are down.

        Give the cluster folder, or `cluster_file` and `identity_file`. `client` is the identity to be; `timeout` is that
        of one call, in seconds; `window` is how many operations may be outstanding (1 to 1,024); beyond `queued_max`
        operations inside the library submitting waits. Raises ConfigurationError for a file, key or option that is wrong.
        """
        self._session: Session | None = None
        self._session = Session(
            dict(
                directory=directory,
                cluster_file=cluster_file,
                identity_file=identity_file,
                client=client,
                timeout=timeout,
                window=window,
                queued_max=queued_max,
            )
        )
        _open_sessions.add(self._session)

    def _opened(self) -> Session:
        assert self._session is not None, "__init__ has succeeded"
        return self._session

    @property
    def closed(self) -> bool:
        return self._opened().closed

    def __del__(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None and not session.closed:
            warnings.warn(f"unclosed {type(self).__name__}; use it as a context manager", ResourceWarning, source=self)


class Client(ClientBase):
    """A session with the cluster. Safe from many threads.

    Operations of one Client execute in the order in which they were submitted, each exactly once. Across clients, cause
    comes before effect for whoever waits for a reply before telling others. Closing it ends what is outstanding as
    OutcomeUnknown.
    """

    def call(self, service: str, *words: Word) -> Reply:
        """Executes one operation of a service that takes words and waits for its voted reply.

        `client.call("kv", "put", "city", "Nicaea")`. A str word is sent as UTF-8, an int in decimal. Raises Absent or
        Refused for what the service answered so, OutcomeUnknown, or NotExecuted.
        """
        _may_wait()
        return self.submit(service, *words).result()

    def call_raw(self, service: str, payload: bytes) -> Reply:
        """The same for a service with a format of its own."""
        _may_wait()
        return self.submit_raw(service, payload).result()

    def submit(self, service: str, *words: Word) -> concurrent.futures.Future[Reply]:
        """call() without waiting. Futures cannot be cancelled: what is submitted may be executed."""
        return self._submit(encode_words(service, words))

    def submit_raw(self, service: str, payload: bytes) -> concurrent.futures.Future[Reply]:
        """call_raw() without waiting."""
        return self._submit(encode_payload(service, payload))

    def reports(self, timeout: float = 1.0) -> list[ReplicaReport]:
        """What every replica says about itself, by replica; waits at most `timeout` seconds."""
        return self._opened().reports(timeout)

    def close(self) -> None:
        """Ends what is outstanding as unknown. Not from a future's callback. A second time does nothing."""
        self._opened().close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, operation: bytes) -> concurrent.futures.Future[Reply]:
        future: concurrent.futures.Future[Reply] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()

        def settle(outcome: Outcome) -> None:
            if isinstance(outcome, Reply):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

        self._opened().submit(operation, settle)
        return future
