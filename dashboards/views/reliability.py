"""Latency & reliability: how fast, how often it fails, and which calls are behind a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data, page_asks
from dashboards import data_reliability as figures
from dashboards.components import format as fmt
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.figure_card import figure_card
from dashboards.components.filters import under_filters
from dashboards.components.grid import grid
from dashboards.components.states import live, nothing_found, page
from dashboards.components.summary import summary
from dashboards.components.trends import lines, stacked, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.data_reliability import Behind, Row

_KINDS: Final = {"latency": "Whole answer", "ttfc": "First chunk"}
_PERCENTILES: Final = ("p50", "p95", "p99")
_BY: Final = {"model": "Model", "provider": "Provider", "feature": "Feature"}
_BEHIND: Final[dict[Behind, str]] = {
    "slowest": "Slowest",
    "latest": "Latest",
    "slowest_first_chunk": "Slowest first chunk",
    "rate_limited": "Rate limited",
    "least_headroom": "Least headroom",
}
_RETRIED: Final = {"yes": "Retried", "no": "First attempt", None: "Not told"}


def render() -> None:
    """Show the page."""
    st.title("Latency & reliability", anchor=False)
    under_filters(lambda shown: live(shown, _body, is_summary=True))


def _body(shown: data.View) -> None:
    kind, by, which = (st.session_state.get(key) for key in ("kind", "by", "behind"))
    asks = page_asks.reliability(
        kind or next(iter(_KINDS)), by or next(iter(_BY)), which or next(iter(_BEHIND))
    )
    summary("reliability", shown, asks, figures.cards, _cards, _figures)


def _figures(shown: data.View, cards: Mapping[str, data.Figure]) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        _percentiles(shown)
    with right:
        _errors_over_time(shown, cards["rate_limit_headroom"])
    picked: dict[str, Sequence[str | None]] = dict(_comparison(shown))
    left, middle, right = st.columns(3, gap="small")
    with left:
        picked |= _parts(shown, "error_type", "Errors by type", figures.FAILED, "No failed call")
    with middle:
        picked |= _parts(shown, "finish_reason", "Finish reasons", {}, "No call")
    with right:
        _retries(shown)
    _behind(shown, picked)


def _cards(shown: data.View, cards: Mapping[str, data.Figure]) -> None:
    errors, requests = cards["errors"].value, cards["requests"].value
    with st.grid(6, min_column_width=165):
        figure_card(
            shown, "Latency p95", fmt.duration(cards["latency_p95"].value), cards["latency_p95"],
            tint="inverse",
            about="95 of 100 calls took no longer, from the call to the end of its answer; failed "
            "calls and the SDK's retries included.",
        )  # fmt: skip
        figure_card(
            shown, "First chunk p95", fmt.duration(cards["ttfc_p95"].value), cards["ttfc_p95"],
            tint="inverse", about="95 of 100 streams began no later.",
        )  # fmt: skip
        figure_card(
            shown, "Output speed", _speed(cards["tokens_per_second"].value),
            cards["tokens_per_second"], tint="normal",
            about="Output tokens ÷ seconds of latency, over calls where both are known.",
        )  # fmt: skip
        figure_card(
            shown, "Error rate", fmt.percent(cards["error_rate"].value), cards["error_rate"],
            is_rate=True, tint="inverse",
            about=f"{fmt.count(errors)} of {fmt.plural(requests, 'call')} ended in an error, rate "
            "limits included.",
        )  # fmt: skip
        figure_card(
            shown, "Rate-limit hits", fmt.count(cards["rate_limit_hits"].value),
            cards["rate_limit_hits"], tint="inverse",
            about="Calls that failed with HTTP 429 or a rate-limit error.",
        )  # fmt: skip
        figure_card(
            shown, "Retries", fmt.count(cards["retries"].value), cards["retries"],
            tint="inverse", about="Attempts after the first, made by the SDK.",
        )  # fmt: skip


def _percentiles(shown: data.View) -> None:
    with choosing_card("Percentiles", "Time of", _KINDS, key="kind", stretch=True) as kind:
        points = figures.percentiles(shown, kind)
        if not points:
            nothing_found("streamed call" if kind == "ttfc" else "timed call")
            return
        spec = lines(
            points, _PERCENTILES, grain=shown.grain, edges=data.chart_edges(shown),
            show=fmt.duration, scale=0.001, unit=" s",
        )  # fmt: skip
        until = "first chunk" if kind == "ttfc" else "end of the answer"
        chart(shown, spec, table(points, _PERCENTILES, fmt.duration), key="percentiles",
              alt=f"Time to the {until}: p50, p95, p99")  # fmt: skip


def _errors_over_time(shown: data.View, headroom: data.Figure) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("Errors over time", anchor=False)
        if headroom.value is not None:
            change = fmt.points(headroom.change) if shown.choice.compare else None
            before = f" ({change} against {fmt.prior(shown.range)})" if change else ""
            st.caption(
                f"Least left of a rate limit: {fmt.percent(headroom.value, 0)}{before}, as the "
                "headers of answers said it, of requests or of tokens."
            )
        points, series = figures.errors_over_time(shown)
        if not points:
            st.badge("No failed call in this range", icon=":material/check:", color="green")
            return
        # Names of errors are text of spans: shown in one line, as text.
        names = {name: fmt.one_line(name, 60) for name in series}
        clean = [
            figures.Point(time_ms=point.time_ms, series=names[point.series], value=point.value)
            for point in points
        ]
        order = list(dict.fromkeys(names.values()))
        spec = stacked(clean, order, grain=shown.grain, edges=data.chart_edges(shown),
                       show=fmt.count)  # fmt: skip
        chart(shown, spec, table(clean, order, fmt.count), key="errors-over-time",
              alt="Failed calls over time, by type of error")  # fmt: skip


def _comparison(shown: data.View) -> Mapping[str, Sequence[str | None]]:
    with choosing_card("Compare", "Compare by", _BY, key="by") as by:
        rows = figures.by_value(shown, by)
        place = grid(_comparison_columns(shown, rows, by), names=[_BY[by]], key=f"compare-{by}",
                     alt=f"Latency and reliability by {_BY[by].lower()}", picks=True)  # fmt: skip
        st.caption("Select a row, here or below, to list its calls at the foot of the page.")
    return {} if place is None else {by: (rows[place][by],)}


def _comparison_columns(shown: data.View, rows: Sequence[Row], by: str) -> dict[str, Sequence[str]]:
    columns: dict[str, Sequence[str]] = {
        _BY[by]: [_name(row[by]) for row in rows],
        "Requests": [fmt.count(row["requests"]) for row in rows],
        "p50": [fmt.duration(row["latency_p50"]) for row in rows],
        "p95": [fmt.duration(row["latency_p95"]) for row in rows],
    }
    if shown.choice.compare:
        columns["p95 change"] = [fmt.change(row["latency_p95_change"]) or fmt.NONE for row in rows]
    columns |= {
        "p99": [fmt.duration(row["latency_p99"]) for row in rows],
        "First chunk p95": [fmt.duration(row["ttfc_p95"]) for row in rows],
        "Speed": [_speed(row["tokens_per_second"]) for row in rows],
        "Errors": [fmt.percent(row["error_rate"]) for row in rows],
    }
    if shown.choice.compare:
        columns["Errors change"] = [
            fmt.points(row["error_rate_change"]) or fmt.NONE for row in rows
        ]
    return {
        **columns,
        "Rate limited": [fmt.count(row["rate_limit_hits"]) for row in rows],
        "Headroom": [fmt.percent(row["rate_limit_headroom"], 0) for row in rows],
        "Retries": [fmt.count(row["retries"]) for row in rows],
    }


def _parts(
    shown: data.View,
    by: str,
    title: str,
    filters: Mapping[str, Sequence[str | None]],
    none: str,
) -> Mapping[str, Sequence[str | None]]:
    with st.container(border=True, height="stretch"):
        st.subheader(title, anchor=False)
        rows = figures.parts(shown, by, filters)
        if not rows:
            st.badge(f"{none} in this range", icon=":material/check:", color="green")
            return {}
        name = "Error" if by == "error_type" else "Reason"
        columns: dict[str, Sequence[str]] = {
            name: [_name(row.value) for row in rows],
            "Calls": [fmt.count(row.requests) for row in rows],
            "Share": [fmt.percent(row.share) for row in rows],
        }
        if shown.choice.compare:
            columns["Change"] = [fmt.change(row.change) or fmt.NONE for row in rows]
        place = grid(columns, names=[name], key=by, alt=title, picks=True)
    return {} if place is None else {**filters, by: (rows[place].value,)}


def _retries(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("What retries cost", anchor=False)
        rows = figures.retried(shown)
        grid(
            {
                "Calls": [_RETRIED[row.retried] for row in rows],
                "Number": [fmt.count(row.requests) for row in rows],
                "p50": [fmt.duration(row.latency_p50) for row in rows],
                "p95": [fmt.duration(row.latency_p95) for row in rows],
                "Cost": [fmt.spent(row.cost, row.unpriced) for row in rows],
            },
            names=["Calls"],
            key="retried",
            alt="Calls by whether they were retried",
        )
        spent = fmt.spent(*figures.spent_on_failed(shown))
        st.text(f"Spent on calls that failed in the end: {spent}")
        st.caption(
            "Providers do not bill an attempt that they refuse: what a retry costs is time. A "
            "stream that breaks is billed, and counted as failed."
        )


def _behind(shown: data.View, picked: Mapping[str, Sequence[str | None]]) -> None:
    with choosing_card("Calls behind the numbers", "Which calls", _BEHIND, key="behind") as which:
        if picked:
            said = [
                f"{name.replace('_', ' ')}: {_name(values[0])}" for name, values in picked.items()
            ]
            st.text("Only  " + "  ·  ".join(said))
        rows = figures.behind(shown, which, picked)
        if not rows:
            nothing_found("such call")
            return
        place = grid(
            {
                "Time": [f"{row['when']:%d %b %H:%M:%S}" for row in rows],
                "Model": [fmt.one_line(row["model"], 40) for row in rows],
                "Feature": [fmt.one_line(row["feature"], 40) for row in rows],
                "Latency": [fmt.duration(row["latency_ms"]) for row in rows],
                "First chunk": [fmt.duration(row["ttfc_ms"]) for row in rows],
                "Retries": [fmt.count(row["retry_count"]) for row in rows],
                "Headroom": [fmt.percent(row["headroom"], 0) for row in rows],
                "Error": [fmt.one_line(row["error_type"], 40) for row in rows],
                "Ended": [fmt.one_line(row["finish_reason"], 40) for row in rows],
                "Cost": [fmt.spent(row["cost_usd"], int(row["is_unpriced"])) for row in rows],
            },
            names=("Time", "Model", "Feature", "Error", "Ended"),
            key=f"behind-{which}",
            alt="Calls behind the numbers",
            picks=True,
        )
        st.caption("Select a row to open its trace.")
        if place is not None:
            row = rows[place]
            st.switch_page(
                "views/traces.py",
                query_params={"trace": row["trace_id"], "span": row["span_id"]},
            )


def _name(value: str | None) -> str:
    return data.NO_VALUE if value is None else fmt.one_line(value, 60)


def _speed(value: float | None) -> str:
    # What writes nothing, as an embedding, has no speed.
    return f"{value:,.1f} tok/s" if value else fmt.NONE


page(render)
