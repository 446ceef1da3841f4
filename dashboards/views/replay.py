"""Replay & compare: send a stored call again, or serve it from the store, and compare."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_replay as figures
from dashboards.components import format as fmt
from dashboards.components.answers import comparison
from dashboards.components.filters import filter_bar
from dashboards.components.grid import grid
from dashboards.components.states import nothing_found, page
from dashboards.data_replay import ReplayError, ReplayRequest

if TYPE_CHECKING:
    from dashboards.data_replay import ReplayPlan, Run, StoredCall

_LIVE, _OFFLINE, _EARLIER = "Send again", "Offline", "Earlier replays"
_MOST_USD: Final = "0.10"
_LONGEST_BODY: Final = 100_000
_FEW_LINES: Final = 10
_BODY_HEIGHT: Final = 260


def render() -> None:
    """Show the calls to choose from, or the one that the URL names."""
    st.title("Replay & compare", anchor=False)
    named = st.query_params.get("call", "")
    if named:
        _call(named)
    else:
        _choose()


def _choose() -> None:
    shown = filter_bar()
    with (
        st.form("find", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="search"),
    ):
        wanted = st.text_input(
            "Call",
            placeholder="Span id of a call, or its first digits",
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=64,
        )
        asked = st.form_submit_button("Open", icon=":material/arrow_forward:")
    if asked and wanted:
        _open(wanted)
    rows = figures.latest(shown)
    if not rows:
        nothing_found("call")
        return
    picked = grid(
        {
            "Time": [fmt.moment(row["when"]) for row in rows],
            "Model": [fmt.one_line(row["model"], 60) for row in rows],
            "User": [fmt.one_line(row["user_id"], 40) for row in rows],
            "Feature": [fmt.one_line(row["feature"], 40) for row in rows],
            "Status": ["✕ error" if row["status"] == "error" else "✓ ok" for row in rows],
            "Latency": [fmt.duration(row["latency_ms"]) for row in rows],
            "Cost": [fmt.spent(row["cost_usd"], row["is_unpriced"])
                     for row in rows],
            "Span": [row["span_id"] for row in rows],
        },
        names=["Time", "Model", "User", "Feature", "Status", "Span"],
        key="calls",
        alt="Latest calls, newest first",
        picks=True,
    )  # fmt: skip
    if picked is not None:
        _open(rows[picked]["span_id"])
    st.caption(f"The latest {len(rows)} calls of the range. Select one to replay it.")


def _open(span_id: str) -> None:
    st.query_params["call"] = span_id
    st.rerun()


def _call(named: str) -> None:
    if st.button("Another call", icon=":material/arrow_back:"):
        # What the widgets bind leaves the URL with them.
        for name in ("call", "with"):
            st.query_params.pop(name, None)
        st.rerun()
    try:
        call = figures.find(named)
    except ReplayError as error:
        with st.container(border=True):
            st.subheader("No such call", anchor=False)
            st.text(fmt.plain(error, 2_000))
        return
    _header(call)
    way = st.segmented_control(
        "What to do", (_LIVE, _OFFLINE, _EARLIER), default=_LIVE, required=True, key="how",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    if way == _OFFLINE:
        _offline(call)
    elif way == _EARLIER:
        _earlier(call)
    else:
        _live(call)


def _header(call: StoredCall) -> None:
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            with st.container(key="page-title", width="content"):
                st.text(fmt.one_line(call.model, 80))
            if st.button("Open trace", icon=":material/account_tree:", key="stored-trace"):
                st.switch_page(
                    "views/traces.py",
                    query_params={"trace": call.trace_id, "span": call.span_id},
                )
        when = "" if call.start_time is None else f"{fmt.moment(call.start_time)} UTC"
        st.text(
            "  ·  ".join(
                [
                    f"span {call.span_id}",
                    when,
                    f"{fmt.one_line(call.provider, 40)} {fmt.one_line(call.api or None, 40)}",
                    f"{fmt.count(call.input_tokens)} → {fmt.count(call.output_tokens)} tokens",
                    fmt.exact_money(call.cost_usd),
                    fmt.duration(call.latency_ms),
                ]
            )
        )


def _live(call: StoredCall) -> None:
    left, right = st.columns([2, 3], gap="small")
    with left, st.container(border=True, height="stretch"):
        request = _request(call)
    if request is None:
        return
    try:
        plan = figures.plan(call, request)
    except ReplayError as error:
        with right, st.container(border=True, height="stretch"):
            st.subheader("It cannot be sent again", anchor=False)
            st.text(fmt.plain(error, 2_000))
        return
    with right, st.container(border=True, height="stretch"):
        _plan(plan)
    _run(call, plan, request)


def _request(call: StoredCall) -> ReplayRequest | None:
    """Show what can be changed, and return it; None if it cannot be read."""
    st.subheader("Request", anchor=False)
    model = st.text_input(
        "Model", placeholder=fmt.one_line(call.request_model or "as stored", 80), key="as",
        bind="query-params", max_chars=200,
    )  # fmt: skip
    parameters = st.text_area(
        "Parameters", placeholder="temperature=0\nreasoning.effort=low\nstop=null", key="set",
        bind="query-params", max_chars=10_000, height=110,
        help="One NAME=VALUE a line. VALUE is JSON or text; null takes a parameter out.",
    )  # fmt: skip
    most = st.text_input(
        "Refuse above, USD", value=_MOST_USD, key="most", bind="query-params", max_chars=30,
        help="Nothing is sent that may cost more. Empty: no limit.",
    )  # fmt: skip
    redacted = False
    if call.is_request_redacted:
        redacted = st.toggle(
            "Send it though it was redacted",
            help="Something was taken out before storing: the answer may differ by that.",
        )
    try:
        return figures.request_of(model or "", parameters or "", most or "", redacted=redacted)
    except ReplayError as error:
        st.text(fmt.plain(error, 500))
        return None


def _plan(plan: ReplayPlan) -> None:
    st.subheader("Dry run", anchor=False)
    for warning in plan.warnings:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge("Warning", icon=":material/warning:", color="orange")
            st.text(fmt.plain(warning))
    st.code(fmt.plain("\n".join(figures.plan_lines(plan)), 5_000), language=None, wrap_lines=True)
    lines = figures.body_lines(plan)
    # A code block of a fixed height cannot be scrolled by keyboard; a container can.
    with st.container(height=_BODY_HEIGHT if len(lines) > _FEW_LINES else "content", border=False):
        st.code(
            fmt.plain("\n".join(lines[: figures.PREVIEW_LINES]), _LONGEST_BODY),
            language="json",
            wrap_lines=True,
        )
    if len(lines) > figures.PREVIEW_LINES:
        st.caption(f"{len(lines) - figures.PREVIEW_LINES:,} more lines are not shown.")


def _run(call: StoredCall, plan: ReplayPlan, request: ReplayRequest) -> None:
    command = figures.command_line(call.span_id, request)
    ticket = _ticket(command)
    run = figures.run_of(ticket)
    if run is None:
        _offer(call, plan, request, command, ticket)
    elif run.is_running:
        _wait(run)
    else:
        _result(call, command, run, ticket)


def _ticket(command: str) -> str:
    """Return what this session's next run of a request is started with, once."""
    tickets: dict[str, str] = st.session_state.setdefault("replay-tickets", {})
    return tickets.setdefault(command, uuid.uuid4().hex)


def _offer(
    call: StoredCall, plan: ReplayPlan, request: ReplayRequest, command: str, ticket: str
) -> None:
    why_not = figures.obstacle(plan, request)
    with st.container(border=True):
        st.subheader("Send it again", anchor=False)
        if why_not is not None:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.badge("Not from here", icon=":material/lock:", color="gray")
                st.text(fmt.plain(why_not, 1_000))
        elif st.button("Send", type="primary", icon=":material/send:", key=f"send-{ticket}"):
            try:
                figures.start(ticket, call, request)
            except ReplayError as error:
                st.text(fmt.plain(error, 1_000))
            else:
                st.rerun()
        st.caption(
            "The same in a terminal, with the keys that are set there. The replayed call is "
            "recorded, with the feature replay and the tag replay_of."
        )
        st.code(fmt.plain(command, 12_000), language="bash", wrap_lines=True)


def _wait(run: Run) -> None:
    @st.fragment(run_every="1s")
    def look() -> None:
        if not run.is_running:
            st.rerun()
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.badge("Sent", icon=":material/hourglass_top:", color="blue")
            st.text(
                f"Waiting for the answer, {time.monotonic() - run.started_s:.0f} s so far. "
                "You may leave this page: the call is recorded all the same."
            )

    look()


def _result(call: StoredCall, command: str, run: Run, ticket: str) -> None:
    if run.found is not None:
        comparison(run.found, (call.trace_id, run.trace_id), key=ticket)
    else:
        with st.container(border=True):
            st.subheader("The replay failed", anchor=False)
            st.text(fmt.plain(run.error, 2_000))
    if st.button("Prepare another run", icon=":material/replay:", key=f"again-{ticket}"):
        del st.session_state["replay-tickets"][command]
        st.rerun()


def _offline(call: StoredCall) -> None:
    rows = figures.rehearsed(call)
    served = sum(row.is_same for row in rows)
    with st.container(border=True):
        st.subheader("Served from the store", anchor=False)
        st.text(
            f"{served:,} of {fmt.plural(len(rows), 'call')} of this trace are answered as they "
            "were, without network, key or cost, when the program makes the same requests in:"
        )
        st.code(f'with llmtrace.replay("{call.trace_id}"):\n    ...', language="python")
        grid(
            {
                "Call": [row.call.span_id for row in rows],
                "Model": [fmt.one_line(row.call.model, 60) for row in rows],
                "Answer": ["✓ as stored" if row.is_same else "✕ not as stored" for row in rows],
                "What is served": [fmt.one_line(row.told, 200) for row in rows],
            },
            names=["Call", "Model", "Answer", "What is served"],
            key="rehearsed",
            alt="Calls of the trace and what a program gets for each offline",
        )
    for row in rows:
        if row.call.span_id == call.span_id and row.text is not None:
            with st.container(border=True):
                st.subheader("What the program reads", anchor=False)
                st.text(fmt.plain(row.text, 20_000) or "(empty)")


def _earlier(call: StoredCall) -> None:
    zone = st.context.timezone or "UTC"
    rows = figures.earlier(call, zone)
    if not rows:
        st.info("No replay of this call is stored.", icon=":material/search_off:")
        return
    with st.container(border=True):
        st.subheader("Earlier replays", anchor=False)
        picked = grid(
            {
                "Time": [fmt.moment(row["when"]) for row in rows],
                "Model": [fmt.one_line(row["model"], 60) for row in rows],
                "Status": [fmt.one_line(row["error_type"] or "error", 40)
                           if row["status"] == "error" else "✓ ok" for row in rows],
                "Input": [fmt.count(row["input_tokens"]) for row in rows],
                "Output": [fmt.count(row["output_tokens"]) for row in rows],
                "Latency": [fmt.duration(row["latency_ms"]) for row in rows],
                "Cost": [fmt.spent(row["cost_usd"], row["is_unpriced"])
                         for row in rows],
            },
            names=["Time", "Model", "Status"],
            key="replays",
            alt="Stored replays of the call, newest first",
            picks=True,
        )  # fmt: skip
        st.caption("Select one to compare it with the stored call.")
    if picked is not None:
        st.query_params["with"] = rows[picked]["span_id"]
    chosen = st.query_params.get("with", "") or rows[0]["span_id"]
    try:
        found, other = figures.compared(call, chosen)
    except ReplayError as error:
        st.text(fmt.plain(error, 1_000))
        return
    comparison(found, (call.trace_id, other.trace_id), key=f"with-{other.span_id}")


page(render)
