"""Which stored call answers this request? Pure.

A request matches a stored one if both say the same, key order and the parameters that do not
change the answer aside. Where redaction took something out of the stored request, anything may
stand in its place. Equal requests are answered in the order in which they were recorded.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from llmtrace.replay.stored import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmtrace.replay.stored import JsonObject, StoredCall

_GAP: Final = re.compile(f'"?{MARKER.pattern}"?')
_IGNORED: Final = frozenset({"stream", "stream_options", "metadata"})
_MAX_COMPARED_CHARS: Final = 4_000
_MAX_SHOWN_CHARS: Final = 80


def canonical(body: JsonObject) -> str:
    """Return the text by which requests are compared."""
    kept = {key: value for key, value in body.items() if key not in _IGNORED}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def matches(stored: StoredCall, wanted: str) -> bool:
    """Say whether ``stored`` is the request whose canonical text is ``wanted``."""
    body = stored.request()
    if body is None:
        return False
    text = canonical(body)
    return text == wanted or (MARKER.search(text) is not None and _fits(text, wanted))


def _fits(pattern: str, text: str) -> bool:
    """Match ``text`` against ``pattern``, in which each redaction mark stands for anything.

    Pieces are looked for one after the other, each at its first place: linear, whatever is given.
    A redacted number became a string, so quotes around a mark may be missing.
    """
    *pieces, last = _GAP.split(pattern)
    if not text.startswith(pieces[0]) or not text.endswith(last):
        return False
    at = len(pieces[0])
    for piece in pieces[1:]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return at <= len(text) - len(last)


def choose(calls: Iterable[StoredCall], api: str, body: JsonObject) -> StoredCall | None:
    """Return the first of ``calls`` that is this request, None if none is."""
    wanted = canonical(body)
    return next((call for call in calls if call.api == api and matches(call, wanted)), None)


def explain(
    calls: Sequence[StoredCall], unused: Sequence[StoredCall], api: str, body: JsonObject
) -> str:
    """Say why no call answers: used up, or what differs from the nearest one."""
    same = [call for call in calls if call.api == api and matches(call, canonical(body))]
    if same:
        times = "once" if len(same) == 1 else f"{len(same)} times"
        return f"the same request was recorded {times} and has been answered that often already"
    of_api = [call for call in unused if call.api == api]
    if not of_api:
        left = sorted({call.api for call in unused})
        return f"no stored {api} call is left" + (f" (left: {', '.join(left)})" if left else "")
    unread = [call.span_id for call in of_api if call.request() is None]
    readable = [call for call in of_api if call.request() is not None]
    if not readable:
        return f"the requests of {', '.join(unread)} were not captured whole, so nothing can match"
    nearest = max(readable, key=lambda call: _likeness(call, body))
    return (
        f"nearest is {nearest.span_id}, which differs: {first_difference(nearest.request(), body)}"
    )


def _likeness(call: StoredCall, body: JsonObject) -> float:
    first = canonical(call.request() or {})[-_MAX_COMPARED_CHARS:]
    second = canonical(body)[-_MAX_COMPARED_CHARS:]
    return difflib.SequenceMatcher(a=first, b=second).quick_ratio()


def first_difference(stored: Any, wanted: Any, path: str = "") -> str:
    """Name the first place where two JSON values differ, with both values."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        one, other = cast("dict[str, Any]", stored), cast("dict[str, Any]", wanted)
        for key in sorted({*one, *other} - (_IGNORED if not path else frozenset())):
            if one.get(key) != other.get(key):
                return first_difference(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    if isinstance(stored, list) and isinstance(wanted, list):
        one_list, other_list = cast("list[Any]", stored), cast("list[Any]", wanted)
        for number, (left, right) in enumerate(zip(one_list, other_list, strict=False)):
            if left != right:
                return first_difference(left, right, f"{path}[{number}]")
        return f"{path} has {len(one_list)} entries in the store, {len(other_list)} in the program"
    shown = _short(cast("object", stored)), _short(cast("object", wanted))
    return f"{path} is {shown[0]} in the store, {shown[1]} in the program"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
