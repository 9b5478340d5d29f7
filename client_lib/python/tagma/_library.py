"""The C interface (tagma/client_c.h) through ctypes. Nothing outside of this file knows it."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

NAME = "libtagma_client.so.0.1"

ERROR_NONE, ERROR_ARGUMENT, ERROR_INPUT, ERROR_SYSTEM = range(4)
CALL_OK, CALL_UNKNOWN, CALL_EVICTED, CALL_INVALID = range(4)
REPLY_OK, REPLY_ABSENT, REPLY_REFUSED = range(3)


class Options(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("cluster_file", c_char_p),
        ("identity_file", c_char_p),
        ("client", c_uint32),
        ("window", c_uint32),
        ("timeout_ms", c_int64),
        ("queued_max", c_uint64),
        ("first_retransmission_ms", c_int64),
    ]


class Report(ctypes.Structure):
    _fields_ = [
        ("replica", c_uint32),
        ("answered", c_int),
        ("voting", c_int),
        ("epoch", c_uint64),
        ("incarnation", c_uint64),
        ("view", c_uint64),
        ("last_executed", c_uint64),
        ("stable_checkpoint", c_uint64),
        ("state_digest_seq", c_uint64),
        ("state_digest", c_uint8 * 32),
        ("round_trip_us", c_int64),
    ]


CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)

_SIGNATURES = {
    "tagma_version": (c_char_p, []),
    "tagma_options_init": (None, [POINTER(Options)]),
    "tagma_client_open": (c_int, [POINTER(Options), POINTER(c_void_p), c_char_p, c_size_t]),
    "tagma_client_close": (None, [c_void_p]),
    "tagma_client_stop": (None, [c_void_p]),
    "tagma_client_submit": (c_int, [c_void_p, c_char_p, c_size_t, CALLBACK, c_void_p]),
    "tagma_client_reports": (c_int, [c_void_p, c_int64, POINTER(Report), c_size_t, POINTER(c_size_t)]),
    "tagma_result_status": (c_int, [c_void_p]),
    "tagma_result_reply_status": (c_int, [c_void_p]),
    "tagma_result_text": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "tagma_result_error": (c_char_p, [c_void_p]),
    "tagma_result_seq": (c_uint64, [c_void_p]),
    "tagma_result_view": (c_uint64, [c_void_p]),
    "tagma_result_matching": (c_uint32, [c_void_p]),
    "tagma_result_latency_us": (c_int64, [c_void_p]),
    "tagma_encode_operation": (c_size_t, [c_char_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "tagma_encode_words": (
        c_size_t,
        [c_char_p, POINTER(c_char_p), POINTER(c_size_t), c_size_t, c_char_p, c_size_t],
    ),
}


def _load() -> ctypes.CDLL:
    path = os.environ.get("TAGMA_CLIENT_LIBRARY") or NAME
    try:
        library = ctypes.CDLL(path)
    except OSError as failure:
        raise ImportError(
            f"tagma needs the client library {path}: {failure}; install the Debian package tagma, or name the library "
            "in the environment variable TAGMA_CLIENT_LIBRARY"
        ) from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f"{path} has no {name}: it belongs to another version of tagma than this package")
        function.restype = result
        function.argtypes = arguments
    return library


library = _load()


def version() -> str:
    """The library's version."""
    return library.tagma_version().decode()
