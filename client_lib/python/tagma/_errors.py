"""What can go wrong, told apart by what the caller knows afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._client import Reply


class TagmaError(Exception):
    """Everything that this package raises of its own."""


class ConfigurationError(TagmaError):
    """A file, a key or an option is wrong; the text names it and the mend. Nothing was tried."""


class NotExecuted(TagmaError):
    """The operation was not executed: refused before it was sent, or by f+1 replicas alike."""


class Closed(NotExecuted):
    """The client is closed, or was closed while this thread was inside of it; nothing was sent."""


class OutcomeUnknown(TagmaError):
    """No f+1 replicas agreed in time, or the session was evicted: it may have been executed, or yet be.

    `evicted` says that this client's session is over (the client opened too many others); open a new Client then.
    """

    def __init__(self, message: str, evicted: bool = False) -> None:
        super().__init__(message)
        self.evicted = evicted


class ServiceAnswer(TagmaError):
    """f+1 replicas agree on an answer of the service that is no success. `reply` is that answer."""

    def __init__(self, reply: Reply, word: str) -> None:
        text = reply.text
        super().__init__(word if text in ("", word) else f"{word}: {text}")
        self.reply = reply


class Absent(ServiceAnswer, LookupError):
    """What was asked for is not there."""


class Refused(ServiceAnswer):
    """The service said no; the text says why. It changed nothing."""
