"""Ask OpenAI's chat streams for the usage that the app did not ask for, and keep that from the app.

Opt-in (``include_stream_usage``). Without it a stream carries no token counts, and they can only be
estimated. With ``stream_options.include_usage`` the provider adds ``"usage": null`` to each chunk
and one last chunk without choices; both are taken out of the bytes again before the SDK reads them.
Only what the SDK built for this request is changed, never an object of the app's.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_EVENT_END: Final = re.compile(rb"\r?\n\r?\n")
_NULL_USAGE: Final = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,')
_classes: Final[dict[type, type]] = {}


def ask(options: Any) -> bool:
    """Have a chat request ask for its usage; False if it need not, or the app said not to.

    ``options`` is the SDK's record of one request. The answer is asked for uncompressed, because
    ``hide`` works on its bytes.
    """
    body = options.json_data
    extra = options.extra_json
    if type(body) is not dict or body.get("stream") is not True:  # pyright: ignore[reportUnknownMemberType]  # any JSON
        return False
    chosen: Any = body.get("stream_options")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # any JSON
    if extra and "stream_options" in extra:
        return False
    if chosen is not None and (not isinstance(chosen, dict) or "include_usage" in chosen):
        return False
    options.json_data = {**body, "stream_options": {**(chosen or {}), "include_usage": True}}
    given = options.headers
    options.headers = {
        **(given if isinstance(given, dict) else {}),
        "Accept-Encoding": "identity",
    }
    return True


def hide(response: Any) -> None:
    """Take the usage out of the stream that the SDK is about to read from ``response``."""
    if response.headers.get("content-encoding"):
        return  # compressed although asked not to: its bytes cannot be edited
    inner = response.stream
    for base in type(inner).__mro__:
        kind = _KINDS.get(base.__name__)
        if kind is not None:
            made = _classes.get(base)
            if made is None:
                made = _classes[base] = type(f"Edited{base.__name__}", (kind, base), {})
            response.stream = made(inner)
            return


class UsageFilter:
    """Server-sent events in, the same out without usage; holds back an event until it is whole."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Return what can be handed on after ``piece``; may be empty."""
        held = self._held + piece
        out: list[bytes] = []
        start = 0
        for end in _EVENT_END.finditer(held):
            out.append(_without_usage(held[start : end.end()]))
            start = end.end()
        self._held = held[start:]
        return b"".join(out)

    def rest(self) -> bytes:
        """Return what is left when the stream ends in the middle of an event."""
        held, self._held = self._held, b""
        return _without_usage(held) if held else b""


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage; b"" for the chunk that is nothing else."""
    if b'"usage"' not in event or not event.lstrip().startswith(b"data:"):
        return event
    data = event.strip().removeprefix(b"data:").strip()
    try:
        chunk: Any = json.loads(data)
    except (ValueError, RecursionError):
        return event
    if not isinstance(chunk, dict) or "usage" not in chunk:
        return event
    chunk = cast("dict[str, object]", chunk)
    usage = chunk.pop("usage")
    if usage is not None:
        # With choices it is a host that counts along in every chunk, asked or not: its own way.
        return event if chunk.get("choices") else b""
    edited, times = _NULL_USAGE.subn(b"", event)
    if times == 1:
        return edited
    return event.replace(data, json.dumps(chunk, ensure_ascii=False).encode())


class _Edit:
    """What both kinds share: the inner stream's attributes stay reachable."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._filter = UsageFilter()

    def __getattr__(self, name: str) -> Any:
        if name in {"_inner", "_filter"}:
            raise AttributeError(name)
        return getattr(self._inner, name)


class _SyncEdit(_Edit):
    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            kept = self._filter.feed(piece)
            if kept:
                yield kept
        kept = self._filter.rest()
        if kept:
            yield kept

    def close(self) -> None:
        """Close the stream below."""
        self._inner.close()


class _AsyncEdit(_Edit):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            kept = self._filter.feed(piece)
            if kept:
                yield kept
        kept = self._filter.rest()
        if kept:
            yield kept

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._inner.aclose()


_KINDS: Final[dict[str, type[_Edit]]] = {
    "SyncByteStream": _SyncEdit,
    "AsyncByteStream": _AsyncEdit,
}
