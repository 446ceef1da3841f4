"""A value as plain data with everything a caller can see of it, so that two can be compared.

Types are part of it: a proxy in the place of an SDK's object, a list in the place of a tuple, or
an exception with another cause gives another portrait.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_PORT = re.compile(r"127\.0\.0\.1:\d+|port=\d+")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}|\b7[ef][0-9a-f]{10}\b")
_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
_BOUNDARY = re.compile(r"boundary=[0-9a-f]{32}")
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 .*")
"""It is made of the time, too."""
_DEADLINE = re.compile(r"Stream removed \((Deadline Exceeded)\)")
"""gRPC says the one or the other, as it happens."""
_VOLATILE_TEXT = (
    (_PORT, "127.0.0.1:0"),
    (_ADDRESS, "0x"),
    (_SIGNATURE, "*"),
    (_DATE, "a date"),
    (_BOUNDARY, "boundary=*"),
    (_DEADLINE, r"\1"),
)
VOLATILE_HEADERS = frozenset(
    {
        "date",
        "idempotency-key",
        "x-stainless-idempotency-key",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "x-amz-date",
    }
)
"""Headers that differ at every request."""
_CLOCKS = frozenset({"_deadline"})
"""Attributes of exceptions, and what else has names, that say what the clock said (gRPC)."""
_MAX_DEPTH = 12


def portrait(value: Any, depth: int = 0) -> Any:  # noqa: C901, PLR0911  # one branch a type
    """Return ``value`` as data; objects of unknown kinds by their type alone."""
    if value is None or (isinstance(value, bool | int | bytes) and not _is_subclassed(value)):
        return value
    if isinstance(value, float):
        return repr(value)
    if type(value) is str:
        return _text(value)
    if depth > _MAX_DEPTH:
        return type_name(value)
    if isinstance(value, BaseException):
        return {"type": type_name(value), **_exception(value, depth)}
    if _is_http_message(value):
        return {"type": type_name(value), **_http_message(value)}
    if hasattr(value, "model_fields_set"):
        return {"type": type_name(value), **_model(value, depth)}
    if isinstance(value, dict):
        pairs = [
            (portrait(k, depth + 1), "*" if _is_volatile(k) else portrait(v, depth + 1))
            for k, v in value.items()
        ]
        return [type_name(value), pairs]
    if isinstance(value, list | tuple | set | frozenset):
        return [type_name(value), *(portrait(item, depth + 1) for item in value)]
    if isinstance(value, timedelta):
        return "timedelta"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return type_name(value)


def type_name(value: Any) -> str:
    """Return the type with its module and, for generic SDK types, its parameters."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def headers(message: Any) -> list[tuple[str, str]]:
    """Return the headers in order, without the values of those that differ at every call."""
    return [
        (name, "*" if name.lower() in VOLATILE_HEADERS else portrait(value))
        for name, value in message.headers.multi_items()
    ]


def _text(value: str) -> str:
    """Return text without what differs from one run to the next."""
    for pattern, stand_in in _VOLATILE_TEXT:
        value = pattern.sub(stand_in, value)
    return value


def _is_volatile(key: Any) -> bool:
    return type(key) is str and (key.lower() in VOLATILE_HEADERS or key in _CLOCKS)


def _is_subclassed(value: Any) -> bool:
    return type(value) not in {bool, int, bytes}


def _model(value: Any, depth: int) -> dict[str, Any]:
    """Portray a pydantic model: fields with their own types, extras, private attributes."""
    return {
        "fields": {name: portrait(item, depth + 1) for name, item in vars(value).items()},
        "extra": portrait(value.model_extra, depth + 1),
        "private": portrait(getattr(value, "__pydantic_private__", None), depth + 1),
        "set": sorted(value.model_fields_set),
    }


def _exception(error: BaseException, depth: int) -> dict[str, Any]:
    following = {
        name: portrait(getattr(error, name), depth + 4) for name in ("__cause__", "__context__")
    }
    return {
        "str": portrait(str(error)),
        "args": portrait(error.args, depth + 1),
        "attributes": portrait(vars(error), depth + 1),
        "suppresses": error.__suppress_context__,
        "notes": portrait(getattr(error, "__notes__", None)),
        **following,
    }


def _is_http_message(value: Any) -> bool:
    return hasattr(value, "headers") and hasattr(value.headers, "multi_items")


def _http_message(message: Any) -> dict[str, Any]:
    """Portray a request or a response of httpx or httpx2."""
    if hasattr(message, "method"):
        return {
            "method": message.method,
            "url": portrait(str(message.url)),
            "headers": headers(message),
            "content": getattr(message, "_content", None),
        }
    if not hasattr(message, "http_version"):
        return {"headers": headers(message)}
    return {
        "status": message.status_code,
        "headers": headers(message),
        "version": message.http_version,
        "is_closed": message.is_closed,
        "is_stream_consumed": message.is_stream_consumed,
        "downloaded": message.num_bytes_downloaded,
        "content": getattr(message, "_content", None),
        "elapsed": hasattr(message, "_elapsed"),
        "request": portrait(message.request),
        "extensions": sorted(message.extensions),
    }
