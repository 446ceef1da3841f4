"""Replay: send a stored call again, or serve stored answers to unmodified code.

``with llmtrace.replay(trace_id):`` answers every LLM call inside from what was stored of a trace.
``plan``, ``run`` and ``compare`` are behind ``llmtrace replay SPAN_ID``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace.callable_module import make_callable
from llmtrace.errors import ReplayError
from llmtrace.replay.offline import ReplaySession
from llmtrace.replay.stored import StoredCall, stored_call

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

__all__ = ["ReplaySession", "StoredCall", "replay"]


def replay(
    calls: str | Iterable[StoredCall | Mapping[str, Any]],
    *,
    home: str | os.PathLike[str] | None = None,
) -> ReplaySession:
    """Answer the LLM calls made inside the returned context manager from stored ones.

    ``calls`` is a trace id or a span id (hex; looked up in the store of ``home``), or the calls
    themselves: rows of the view ``llm_calls_full`` as mappings. A request is answered by the
    stored call that asked the same; equal ones in the order of the recording. A request that
    nothing answers fails as a connection error of the SDK whose cause is a ReplayError saying what
    differs. ``session.unused`` has the calls that were not asked for.

    Raises ReplayError if nothing is stored under that id, StoreError.
    """
    if isinstance(calls, str):
        # the store brings DuckDB; who hands over the calls does without
        from llmtrace.replay.source import find_calls  # noqa: PLC0415
        from llmtrace.store import open_store  # noqa: PLC0415

        with open_store(None if home is None else Path(home)) as store:
            return ReplaySession(find_calls(store, calls))
    found = [call if isinstance(call, StoredCall) else stored_call(call) for call in calls]
    if not found:
        raise ReplayError("there are no calls to replay: the list is empty")
    return ReplaySession(found)


make_callable(__name__, replay)
