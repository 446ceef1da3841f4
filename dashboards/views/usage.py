"""Usage & tokens: how much is asked, by whom, of which kinds of tokens, and on whose word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data, page_asks
from dashboards import data_usage as figures
from dashboards.components import format as fmt
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.figure_card import figure_card
from dashboards.components.filters import open_with, under_filters
from dashboards.components.grid import grid
from dashboards.components.states import live, page
from dashboards.components.summary import summary
from dashboards.components.trends import lines, stacked, table
from dashboards.components.usage_charts import lengths_chart, lengths_table, step_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.data_usage import Row

_BY: Final = {
    "model": "Model",
    "feature": "Feature",
    "user": "User",
    "tenant": "Tenant",
    "provider": "Provider",
}
_COURSES: Final = {"requests": "Requests", "active": "Who asks"}
_WORDS: Final = {
    "reported": "Reported by the provider",
    "partial": "Reported in part",
    "estimated": "Estimated by llmtrace",
    "missing": "Missing",
    "failed": "Failed before an answer",
}


def render() -> None:
    """Show the page."""
    st.title("Usage & tokens", anchor=False)
    under_filters(lambda shown: live(shown, _body, is_summary=True))


def _body(shown: data.View) -> None:
    by = st.session_state.get("usage-by") or next(iter(_BY))
    summary("usage", shown, page_asks.usage(by), figures.cards, _cards, _figures)


def _figures(shown: data.View, _: Mapping[str, data.Figure]) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        _tokens(shown)
    with right:
        _course(shown)
    _breakdown(shown)
    left, right = st.columns(2, gap="small")
    with left:
        _lengths(shown)
    with right:
        _words(shown)


def _cards(shown: data.View, cards: Mapping[str, data.Figure]) -> None:
    price = cards["cost_per_1k_tokens"]
    with st.grid(6, min_column_width=165):
        figure_card(
            shown, "Requests", fmt.short_count(cards["requests"].value), cards["requests"],
            about="Calls that the app made; an SDK's own retries are not counted apart.",
        )  # fmt: skip
        figure_card(
            shown, "Tokens", fmt.short_count(cards["total_tokens"].value), cards["total_tokens"],
            about="All input and all output: what came from a cache and reasoning included.",
        )  # fmt: skip
        figure_card(
            shown, "Input a request", fmt.short_count(cards["input_tokens_per_request"].value),
            cards["input_tokens_per_request"],
            about="Input tokens ÷ the calls that told them.",
        )  # fmt: skip
        figure_card(
            shown, "Output a request", fmt.short_count(cards["output_tokens_per_request"].value),
            cards["output_tokens_per_request"],
            about="Output tokens ÷ the calls that told them.",
        )  # fmt: skip
        figure_card(
            shown, "Active users", fmt.short_count(cards["active_users"].value),
            cards["active_users"], about="Different users with a call; calls that name none are "
            "left out.",
        )  # fmt: skip
        unpriced = fmt.plural(price.unpriced, "unpriced call") if price.unpriced else None
        figure_card(
            shown, "Per 1k tokens", fmt.money_if_known(price.value), price,
            about="Cost ÷ tokens, in and out, of the calls that are priced."
            + (f" {unpriced} left out." if unpriced else ""),
        )  # fmt: skip


def _tokens(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("Tokens by kind", anchor=False)
        points, series = figures.tokens(shown)
        if not points:
            st.badge("No call in this range tells its tokens", color="gray")
            return
        spec = stacked(points, series, grain=shown.grain, edges=data.chart_edges(shown),
                       show=fmt.count)  # fmt: skip
        chart(shown, spec, table(points, series, fmt.count), key="tokens",
              alt="Tokens over time by kind; the kinds do not overlap")  # fmt: skip
        total = figures.totals(shown)
        reasoning = total["reasoning_tokens"]
        told = (
            f"Reasoning is a part of the output and billed as such: {fmt.short_count(reasoning)} "
            f"of {fmt.short_count(total['output_tokens'])} output tokens."
            if reasoning
            else "Reasoning would be a part of the output; no call tells of any."
        )
        st.caption(f"The kinds do not overlap. {told}")


def _course(shown: data.View) -> None:
    with choosing_card("Over time", "What", _COURSES, key="course", stretch=True) as what:
        points, series = (figures.requests if what == "requests" else figures.active)(shown)
        if not points:
            st.badge("No call in this range names a user, tenant or session", color="gray")
            return
        draw = stacked if what == "requests" else lines
        spec = draw(points, series, grain=shown.grain, edges=data.chart_edges(shown),
                    show=fmt.count)  # fmt: skip
        about = {"requests": "Calls over time",
                 "active": "Different users, tenants and sessions over time"}  # fmt: skip
        chart(shown, spec, table(points, series, fmt.count), key=f"course-{what}",
              alt=about[what])  # fmt: skip


def _breakdown(shown: data.View) -> None:
    with choosing_card("Who and what uses tokens", "By", _BY, key="usage-by") as by:
        rows = figures.by_value(shown, by)
        picked = grid(_columns(shown, by, rows), names=[_BY[by]], key=f"usage-{by}",
                      alt=f"Tokens by {_BY[by].lower()}, most first", picks=True)  # fmt: skip
        number = len(rows) if len(rows) < figures.LISTED else figures.number_of(shown, by)
        more = f"The {len(rows)} of {number:,} with most tokens. " if number > len(rows) else ""
        st.caption(f"{more}Select a row to list its traces.")
    if picked is not None and rows[picked][by] is not None:
        filters = {**shown.choice.filters, by: (rows[picked][by],)}
        open_with("views/traces.py", replace(shown.choice, filters=filters))


def _columns(shown: data.View, by: str, rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    def change(name: str, column: str) -> dict[str, Sequence[str]]:
        if not shown.choice.compare:
            return {}
        return {column: [fmt.change(row[f"{name}_change"]) or fmt.NONE for row in rows]}

    return {
        _BY[by]: [data.NO_VALUE if row[by] is None else fmt.one_line(row[by], 60) for row in rows],
        "Requests": [fmt.count(row["requests"]) for row in rows],
        **change("requests", "Requests change"),
        "Tokens": [fmt.short_count(row["total_tokens"]) for row in rows],
        "Share": [fmt.percent(row["share"]) for row in rows],
        **change("total_tokens", "Change"),
        "Input": [fmt.short_count(row["input_tokens"]) for row in rows],
        "Output": [fmt.short_count(row["output_tokens"]) for row in rows],
        "Input a request": [fmt.short_count(row["input_tokens_per_request"]) for row in rows],
        **change("input_tokens_per_request", "Input change"),
        "Output a request": [fmt.short_count(row["output_tokens_per_request"]) for row in rows],
        "Per 1k tokens": [fmt.money_if_known(row["cost_per_1k_tokens"]) for row in rows],
    }


def _lengths(shown: data.View) -> None:
    steps = figures.lengths(shown)
    with st.container(border=True, height="stretch"):
        st.subheader("How long prompts are", anchor=False)
        if not steps:
            st.badge("No call in this range tells its input", color="gray")
            return
        chart(shown, lengths_chart(steps), lengths_table(steps), key="lengths",
              alt="Number of calls by input tokens, in steps that double")  # fmt: skip
        most = max(steps, key=lambda step: step.calls)
        longest = step_name(steps[-1].from_tokens)
        st.caption(
            f"Input tokens a call, what came from a cache included; each step is twice the one "
            f"before. Most calls are in the step from {step_name(most.from_tokens)}; the longest "
            f"has {longest} or more."
        )


def _words(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("On whose word", anchor=False)
        rows = figures.by_word(shown)
        grid(
            {
                "Token counts": [_WORDS[row["usage"]] for row in rows],
                "Calls": [fmt.count(row["requests"]) for row in rows],
                "Share": [fmt.percent(row["share"]) for row in rows],
                "Tokens": [fmt.short_count(row["total_tokens"]) for row in rows],
                "Cost": [fmt.spent(row["cost"], row["unpriced_count"]) for row in rows],
            },
            names=["Token counts"],
            key="words",
            alt="Calls by whose word their token counts are",
        )
        streams = figures.cards(shown)["stream_rate"]
        change = fmt.points(streams.change) if shown.choice.compare else None
        before = f" ({change} against {fmt.prior(shown.range)})" if change else ""
        st.text(f"Streamed: {fmt.percent(streams.value)}{before}")
        st.caption(
            "A stream tells its tokens only if it is asked to, and to its end: else they are "
            "estimated from the text, and marked so. Missing counts are in no sum."
        )


page(render)
