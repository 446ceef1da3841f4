"""Alerts: what fires and since when, each rule against its threshold, and who was told."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data, data_alert
from dashboards import data_alerts as figures
from dashboards.access import require_all_tenants
from dashboards.components import alert_charts as charts
from dashboards.components import format as fmt
from dashboards.components.alert_panel import panel, state_badge
from dashboards.components.chart import chart
from dashboards.components.filters import filter_bar
from dashboards.components.grid import grid
from dashboards.components.rule_states import not_evaluated
from dashboards.components.states import live, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.data_alerts import (
        AlertRow,
        AlertRule,
        Backtest,
        Delivery,
        HistoryRow,
        InForce,
    )

_SHOWN_FOR: Final = "rule-of-alert"
_LANES: Final = 25
_LISTED: Final = 100
# Series of one rule that are drawn.
_DRAWN: Final = 6
# Unit → what a value is multiplied with on the axis, and the axis.
_AXES: Final[dict[str, tuple[float, dict[str, Any]]]] = {
    "ratio": (100.0, {"labelExpr": "datum.label + ' %'", "tickCount": 5}),
    "seconds": (1.0, {"labelExpr": "datum.label + ' s'", "tickCount": 5}),
    "usd": (1.0, {"format": "$,~r", "tickCount": 5}),
    "count": (1.0, {"format": "~s", "tickCount": 5}),
}
_ENDINGS: Final = {
    "condition": "",
    "calm": "calm again",
    "no_data": "too few calls",
    "period_over": "period over",
    "rule_removed": "rule removed",
}
_SENT: Final = {
    "sent": "Sent",
    "waiting": "Waiting",
    "dead": "Given up",
    "superseded": "Replaced by a later one",
    "unconfigured": "Receiver not configured",
}


def render() -> None:
    """Show the page."""
    require_all_tenants()
    st.title("Alerts", anchor=False)
    shown = filter_bar()
    if shown.choice.filters:
        st.caption("Each rule says itself which calls it looks at: filters do not apply here.")
    live(shown, _body)


def _body(shown: data.View) -> None:
    in_force = figures.rules()
    not_evaluated(shown, in_force)
    alerts = figures.alerts()
    changes, is_cut = figures.changes(shown)
    log = figures.log(shown)
    if in_force is None and not (alerts or changes or log.rows):
        return
    named = _panel(shown, in_force)
    _cards(shown, alerts, changes, log)
    _now(shown, alerts)
    bands = figures.bands_of(changes)
    _timeline(shown, in_force, bands)
    if in_force is not None and in_force.book is not None and in_force.book.rules:
        _rule(shown, in_force, named)
    _changes(shown, changes, is_cut=is_cut)
    _log(shown, log)


def _panel(shown: data.View, in_force: InForce | None) -> str | None:
    """Show the alert that the URL names; returns its rule's id."""
    named = st.query_params.get("alert", "")
    if not named:
        return None
    found = data_alert.chosen(named, in_force)
    if found is not None:
        panel(shown, found)
        return found.rule_id
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge("Not known", icon=":material/link_off:", color="orange")
        st.text(f"No alert {fmt.one_line(named, 60)} is stored here, or not any more.")
    return None


def _cards(
    shown: data.View, alerts: Sequence[AlertRow], changes: Sequence[HistoryRow], log: figures.Log
) -> None:
    firing = sum(alert.state == "firing" for alert in alerts)
    fired = sum(row.kind == "firing" and row.tick >= shown.scope.start for row in changes)
    with st.grid(4, min_column_width=165):
        st.metric("Firing now", fmt.count(firing), border=True)
        st.metric(
            "Pending now", fmt.count(len(alerts) - firing), border=True,
            help="The condition holds, but not yet for as long as the rule asks for.",
        )  # fmt: skip
        st.metric("Fired in range", fmt.count(fired), border=True)
        st.metric(
            "Messages not delivered", fmt.count(log.unsent), border=True,
            help="Of the range: waiting for another attempt, given up, or without a receiver.",
        )  # fmt: skip


def _now(shown: data.View, alerts: Sequence[AlertRow]) -> None:
    with st.container(border=True):
        st.subheader("Firing and pending", anchor=False)
        if not alerts:
            st.badge("Nothing fires", icon=":material/check:", color="green")
            return
        rows = alerts[:_LISTED]
        place = grid(
            {
                "State": [_state(alert) for alert in rows],
                "Severity": [alert.severity.capitalize() for alert in rows],
                "Alert": [fmt.one_line(alert.title, 60) for alert in rows],
                "What": [fmt.one_line(alert.summary, 160) for alert in rows],
                "Since": [_when(alert.fired_at or alert.since, shown) for alert in rows],
                "Last looked at": [_when(alert.last_tick, shown) for alert in rows],
            },
            names=["State", "Severity", "Alert", "What"],
            key="now",
            alt="Alerts that fire or are pending",
            picks=True,
        )
        _more(len(alerts))
        if place is not None:
            _choose(rows[place].episode or rows[place].key)


def _timeline(shown: data.View, in_force: InForce | None, bands: Sequence[figures.Band]) -> None:
    known = [rule.id for rule in in_force.book.rules] if in_force and in_force.book else []
    busy = {band.rule_id for band in bands}
    # Those with something to see first; what is not in force any more has its history all the same.
    lanes = sorted({*known, *busy}, key=lambda name: (name not in busy, name))
    if not lanes:
        return
    with st.container(border=True):
        st.subheader("Timeline", anchor=False)
        at = partial(figures.on_axis, shown=shown)
        chart(
            shown,
            charts.lanes_chart(bands, lanes[:_LANES], data.chart_edges(shown), at),
            charts.lanes_table(bands, at),
            key="timeline",
            alt="When alerts were pending or firing, a lane for each rule",
        )
        gone = sorted(busy - set(known))
        if gone:
            st.text(f"Not in force any more: {fmt.one_line(', '.join(gone), 300)}.")
        if len(lanes) > _LANES:
            st.caption(f"{len(lanes) - _LANES} more rules, without an alert first, are not drawn.")


def _rule(shown: data.View, in_force: InForce, alerting: str | None) -> None:
    rules = {rule.id: rule for rule in in_force.book.rules} if in_force.book else {}
    if st.session_state.get(_SHOWN_FOR) != alerting and alerting in rules:
        # Another alert was chosen: its rule is shown, until the viewer chooses one.
        st.session_state["rule"] = alerting
    st.session_state[_SHOWN_FOR] = alerting
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader("Value against threshold", anchor=False, width="content")
            named = st.selectbox(
                "Rule", list(rules), key="rule", bind="query-params", width=280,
                label_visibility="collapsed",
            )  # fmt: skip
        rule = rules[named] if named in rules else next(iter(rules.values()))
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(rule.severity)
            st.text(f"{fmt.one_line(rule.title, 120)}: fires when {figures.condition(rule)}")
        _values(shown, rule, figures.backtest(shown, rule, in_force.digest))
        st.text("  ·  ".join(f"{name}: {fmt.one_line(text, 160)}"
                             for name, text in figures.facts(rule)))  # fmt: skip
        if rule.description:
            st.text(fmt.plain(rule.description, 1_000))


def _values(shown: data.View, rule: AlertRule, found: Backtest) -> None:
    scale, axis = _AXES[rule.unit]
    at = partial(figures.on_axis, shown=shown)
    series = _series(rule, found, scale, at)
    if not any(value is not None for _, points in series for _, value in points):
        st.badge("No value in this range: no call that the rule looks at", color="gray")
        return
    limit = figures.threshold_of(rule)
    told = f"{rule.when.op} {figures.format_value(limit, rule.unit)}"

    def show(value: float) -> str:
        return figures.format_value(Decimal(repr(value / scale)), rule.unit)

    chart(
        shown,
        charts.value_chart(
            series, found, threshold=float(limit) * scale, told=told, axis=axis,
            edges=data.chart_edges(shown), at=at,
        ),
        charts.value_table(series, show),
        key="values",
        alt=f"The value that the rule looks at, against {told}, and when it would have fired",
    )  # fmt: skip
    _backtest_told(rule, found)


def _series(
    rule: AlertRule, found: Backtest, scale: float, at: charts.OnAxis
) -> list[tuple[str, charts.Points]]:
    """Return the lines to draw: what would have fired first, then what has most calls."""
    fired = {firing.labels for firing in found.firings}
    chosen = sorted(found.series, key=lambda each: each.labels not in fired)[:_DRAWN]
    highest = rule.when.op.startswith(">")
    drawn: dict[str, charts.Points] = {}
    for each in chosen:
        points: charts.Points = [
            (at(tick), None if value is None else float(value) * scale)
            for tick, value in each.points
        ]
        name = ", ".join(fmt.one_line(value, 40) for _, value in each.labels) or (
            data.NO_VALUE if rule.by else "Value"
        )
        most = charts.MAX_POINTS // len(chosen)
        drawn[name] = charts.thinned(points, most, highest=highest)
    return list(drawn.items())


def _backtest_told(rule: AlertRule, found: Backtest) -> None:
    number = len(found.firings)
    times = fmt.plural(number, "time")
    told = (
        f"It would have fired {times} in this range (red)" if number else "It would not have fired"
    )
    told += ", judged by what is stored now."
    if found.every > rule.every:
        told += f" Looked at every {figures.format_duration(found.every)} here, to be quick."
    if found.is_partial:
        told += f" Only the {len(found.series)} with most calls were looked at."
    elif len(found.series) > _DRAWN:
        told += f" {_DRAWN} of {len(found.series)} are drawn, those that would have fired first."
    st.caption(told)


def _changes(shown: data.View, changes: Sequence[HistoryRow], *, is_cut: bool) -> None:
    inside = [row for row in reversed(changes) if row.tick >= shown.scope.start]
    with st.container(border=True):
        st.subheader("What changed", anchor=False)
        if not inside:
            st.badge("No alert changed in this range", icon=":material/check:", color="green")
            return
        rows = inside[:_LISTED]
        place = grid(
            {
                "Time": [_when(row.tick, shown) for row in rows],
                "Change": [row.kind.capitalize() for row in rows],
                "Severity": [row.severity.capitalize() for row in rows],
                "What": [fmt.one_line(row.summary, 160) for row in rows],
                "Why": [_why(row) for row in rows],
            },
            names=["Time", "Change", "Severity", "What", "Why"],
            key="changes",
            alt="Changes of alerts, the newest first",
            picks=True,
        )
        _more(len(inside), and_more=is_cut)
        if place is not None:
            _choose(rows[place].episode or rows[place].key)


def _log(shown: data.View, log: figures.Log) -> None:
    with st.container(border=True):
        st.subheader("Who was told", anchor=False)
        if not log.rows:
            st.badge("No message in this range", color="gray")
            return
        rows = log.rows[:_LISTED]
        grid(
            {
                "Made": [_when(row.created_at, shown) for row in rows],
                "Receiver": [fmt.one_line(row.receiver, 60) for row in rows],
                "Message": [row.kind.capitalize() for row in rows],
                "State": [_delivered(row) for row in rows],
                "What": [fmt.one_line(figures.told(row), 160) for row in rows],
                "Attempts": [fmt.count(row.attempts) for row in rows],
                "Done, or next attempt": [
                    _when(row.finished_at or row.next_attempt_at, shown) for row in rows
                ],
            },
            names=["Made", "Receiver", "Message", "State", "What"],
            key="log",
            alt="Messages and what became of them, the newest first",
        )
        _more(len(log.rows), and_more=log.is_cut)


def _choose(alert: str) -> None:
    # A row stays picked: what the link says already is not chosen anew.
    if st.query_params.get("alert") != alert:
        st.query_params["alert"] = alert
        st.rerun()


def _more(number: int, *, and_more: bool = False) -> None:
    if number > _LISTED:
        st.caption(f"The newest {_LISTED} of {number:,}{' or more' if and_more else ''}.")


def _state(alert: AlertRow) -> str:
    return "Recovering" if alert.calm_since else alert.state.capitalize()


def _delivered(row: Delivery) -> str:
    word = _SENT.get(row.status, row.status)
    # Of a receiver that is not configured the word says it all.
    why = "" if row.status in ("sent", "superseded", "unconfigured") else row.last_error
    return f"{word}: {fmt.one_line(why, 120)}" if why else word


def _why(row: HistoryRow) -> str:
    late = "found out later" if row.is_late else ""
    return ", ".join(filter(None, (_ENDINGS.get(row.reason, row.reason), late))) or fmt.NONE


def _when(moment: Any, shown: data.View) -> str:
    return f"{figures.local(moment, shown):%d %b %H:%M:%S}"


page(render)
