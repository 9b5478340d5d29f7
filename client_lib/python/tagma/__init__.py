"""Client of a tagma cluster: calls a replicated service and believes what f+1 of its replicas answer alike.

    with tagma.Client("tagma-cluster") as client:
        client.call("kv", "put", "city", "Nicaea")
        print(client.call("kv", "get", "city"))

What the C++ client guarantees holds here, for the same library does the work:

- A reply counts only once f+1 distinct replicas have given it alike, each over its own authenticated channel.
- A call that gets no such agreement in time raises OutcomeUnknown: it may have been executed, or yet be.
- Operations of one client execute in the order in which they were submitted, each exactly once.

tagma.aio has the same for asyncio.
"""

from ._client import Client, ReplicaReport, Reply
from ._errors import (
    Absent,
    Closed,
    ConfigurationError,
    NotExecuted,
    OutcomeUnknown,
    Refused,
    ServiceAnswer,
    TagmaError,
)
from ._library import version as _version

__version__ = _version()

__all__ = [
    "Absent",
    "Client",
    "Closed",
    "ConfigurationError",
    "NotExecuted",
    "OutcomeUnknown",
    "Refused",
    "Reply",
    "ReplicaReport",
    "ServiceAnswer",
    "TagmaError",
]
