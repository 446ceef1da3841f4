"""What "Replay & compare" is about: calls to choose from, a plan, its run, earlier replays.

Plan, budget and comparison are those of ``llmtrace replay``; nothing is sent unless the setting
``dashboard_replay`` says so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards.access import acting_as, audited, viewer
from dashboards.asking import Place, opened_store, place, scoped, with_local_time
from dashboards.home import home, settings
from dashboards.replay_runs import Run, recorded, runs
from llmtrace.clock import SystemClock
from llmtrace.errors import ReplayError
from llmtrace.replay.again import (
    ReplayRequest,
    check_allowed,
    command_line,
    override_of,
    plan_of,
    present_prices,
    replay_again,
    usd_of,
)
from llmtrace.replay.compare import Comparison, Side, compare, stored_side
from llmtrace.replay.plan import REPLAYABLE_APIS, ReplayPlan
from llmtrace.replay.rehearsal import Rehearsed, rehearse
from llmtrace.replay.run import cannot_send
from llmtrace.replay.source import find_call, find_calls
from llmtrace.replay.stored import StoredCall
from llmtrace.replay.wording import PREVIEW_LINES, body_lines, plan_lines, verdict
from llmtrace.store.behind import calls_behind
from llmtrace.store.calls import replays_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.access import Viewer
    from dashboards.figures import View
    from llmtrace.replay.plan import Pricer

__all__ = [
    "PREVIEW_LINES",
    "REPLAYABLE_APIS",
    "Comparison",
    "Rehearsed",
    "ReplayError",
    "ReplayPlan",
    "ReplayRequest",
    "Run",
    "Side",
    "StoredCall",
    "body_lines",
    "command_line",
    "plan_lines",
    "verdict",
]

LISTED: Final = 50
SHOWN_REPLAYS: Final = 50
VARIABLE: Final = "LLMTRACE_DASHBOARD_REPLAY"


def latest(shown: View) -> list[dict[str, Any]]:
    """Return the latest calls that the filter bar leaves, with ``when`` in the viewer's zone."""
    found = calls_behind(opened_store(), scoped(shown, "requests"), limit=LISTED)
    return with_local_time(found.to_pylist(), shown.zone)


def find(span_id: str) -> StoredCall:
    """Return a call by its span id or the beginning of it. Raises ReplayError."""
    return find_call(opened_store(), span_id)


def request_of(model: str, parameters: str, most_usd: str, *, redacted: bool) -> ReplayRequest:
    """Return what the page's fields say; a parameter a line. Raises ReplayError."""
    lines = [line.strip() for line in parameters.splitlines() if line.strip()]
    return ReplayRequest(
        model=model.strip() or None,
        overrides=dict(override_of(line) for line in lines),
        max_usd=usd_of(most_usd.strip()) if most_usd.strip() else None,
        allow_redacted=redacted,
    )


def plan(call: StoredCall, request: ReplayRequest) -> ReplayPlan:
    """Return the dry run. Raises ReplayError if the call cannot be sent again."""
    return plan_of(call, request, _prices(place()))


def obstacle(plan: ReplayPlan, request: ReplayRequest) -> str | None:
    """Say why this process does not send the plan; None if it does."""
    if not settings().dashboard_replay:
        return (
            f"Sending from the dashboards is off. Whoever runs them can set {VARIABLE}=true; "
            "it costs money, and anyone who may open this page can then spend it."
        )
    missing = cannot_send(plan.api)
    if missing is not None:
        return f"{missing[:1].upper()}{missing[1:]}."
    try:
        check_allowed(plan, request)
    except ReplayError as error:
        return str(error)
    return None


def start(ticket: str, call: StoredCall, request: ReplayRequest) -> None:
    """Send a call again in the background, once a ticket. Raises ReplayError if it may not be."""
    found = plan(call, request)
    why_not = obstacle(found, request)
    if why_not is not None:
        raise ReplayError(why_not)
    runs().start(ticket, partial(_send, viewer(), call, found, request, _prices(place())))


def run_of(ticket: str) -> Run | None:
    """Return the run that a ticket started."""
    return runs().of(ticket)


def earlier(call: StoredCall, zone: str) -> list[dict[str, Any]]:
    """Return the replays of a call that are stored, newest first."""
    if call.start_time is None:
        return []
    rows = replays_of(opened_store(), call.span_id, call.start_time, limit=SHOWN_REPLAYS)
    return with_local_time(rows, zone)


def compared(call: StoredCall, span_id: str) -> tuple[Comparison, StoredCall]:
    """Return two stored calls side by side, and the second of them. Raises ReplayError."""
    other = find(span_id)
    return compare(stored_side(call), stored_side(other)), other


def rehearsed(call: StoredCall) -> Sequence[Rehearsed]:
    """Return what a program gets offline that makes the calls of this one's trace again."""
    return rehearse(find_calls(opened_store(), call.trace_id))


def _send(
    who: Viewer,
    call: StoredCall,
    found: ReplayPlan,
    request: ReplayRequest,
    price: Pricer,
    run: Run,
) -> Comparison:
    told = {
        "span": call.span_id,
        "model": found.model,
        # Names alone: a value may be a prompt.
        "parameters": sorted(request.overrides),
        "max_usd": request.max_usd,
        "estimated_usd": found.estimated_usd,
    }
    # Whoever sees some tenants only would not see a replay of no tenant.
    tenant = None if who.sees_all else call.tenant
    with acting_as(who), audited("replay", told) as outcome:
        result = replay_again(
            call,
            found,
            request,
            price=price,
            clock=SystemClock(),
            recording=recorded(run, call.span_id, home(), tenant),
        )
        outcome.update({"cost_usd": result.after.cost_usd, "trace": run.trace_id})
    return result


@st.cache_resource(ttl=60, max_entries=8, show_spinner=False)
def _prices(where: Place) -> Pricer:
    del where  # what it is kept for
    return present_prices(settings(), SystemClock())
