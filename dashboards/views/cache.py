"""Cache: how much of the input a cache gave, what that saved, and what breaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data, page_asks
from dashboards import data_cache as figures
from dashboards.components import format as fmt
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.figure_card import figure_card
from dashboards.components.filters import under_filters
from dashboards.components.grid import grid
from dashboards.components.states import live, page
from dashboards.components.summary import summary
from dashboards.components.trends import lines, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.data_cache import Break, Findings, Row

_BY: Final = {"model": "Model", "provider": "Provider", "feature": "Feature"}
_STATUS: Final = {
    "hit": "Hit",
    "miss": "Miss",
    "bypass": "Could not be cached",
    None: "Not told",
}
_BREAKS: Final = 5


def render() -> None:
    """Show the page."""
    st.title("Cache", anchor=False)
    under_filters(lambda shown: live(shown, _body, is_summary=True))


def _body(shown: data.View) -> None:
    by = st.session_state.get("by") or next(iter(_BY))
    summary("cache", shown, page_asks.cache(by), figures.cards, _cards, _figures)


def _figures(shown: data.View, _: Mapping[str, data.Figure]) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        _hit_rates(shown)
    with right:
        _statuses(shown)
    _comparison(shown)
    _breaks(figures.breaks(shown))


def _cards(shown: data.View, cards: Mapping[str, data.Figure]) -> None:
    missed = figures.missed(shown)
    with st.grid(5, min_column_width=165):
        figure_card(
            shown, "Hit rate by request", fmt.percent(cards["cache_hit_rate"].value),
            cards["cache_hit_rate"], is_rate=True, tint="normal",
            about="Calls that read from a cache ÷ calls that did or could have.",
        )  # fmt: skip
        figure_card(
            shown, "Hit rate by token", fmt.percent(cards["cache_token_rate"].value),
            cards["cache_token_rate"], is_rate=True, tint="normal",
            about="Input tokens read from a cache ÷ all input tokens.",
        )  # fmt: skip
        figure_card(
            shown, "Saved",
            fmt.money_if_known(cards["cache_savings"].value), cards["cache_savings"],
            tint="normal",
            about="What cached input would have cost more, less what writing it cost more.",
        )  # fmt: skip
        figure_card(
            shown, "Potential, at most", fmt.money_if_known(missed.cost.value), missed.cost,
            about="What calls paid for input that could have come from a cache and did not: "
            f"{fmt.plural(missed.requests, 'call')}, {fmt.count(missed.input_tokens)} input "
            "tokens. A cached token still costs a part of its price.",
        )  # fmt: skip
        figure_card(
            shown, "Cached tokens", fmt.short_count(cards["cache_read_tokens"].value),
            cards["cache_read_tokens"], tint="normal", about="Input tokens read from a cache.",
        )  # fmt: skip


def _hit_rates(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("Hit rate over time", anchor=False)
        points, series = figures.hit_rates(shown)
        if not points:
            st.badge("No call in this range says what a cache did", color="gray")
            return
        spec = lines(points, series, grain=shown.grain, edges=data.chart_edges(shown),
                     show=fmt.percent, scale=100, unit=" %")  # fmt: skip
        chart(shown, spec, table(points, series, fmt.percent), key="hit-rates",
              alt="Hit rate of the cache over time, by request and by input token")  # fmt: skip


def _statuses(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("What the cache did", anchor=False)
        rows = figures.by_status(shown)
        grid(
            {
                "Status": [_STATUS.get(row["cache_status"]) or fmt.one_line(row["cache_status"], 40)
                           for row in rows],
                "Calls": [fmt.count(row["requests"]) for row in rows],
                "Input tokens": [fmt.count(row["input_tokens"]) for row in rows],
                "From a cache": [fmt.count(row["cache_read_tokens"]) for row in rows],
                "Uncached input cost": [
                    fmt.money_if_known(row["uncached_input_cost"]) for row in rows
                ],
            },
            names=["Status"],
            key="statuses",
            alt="Calls by what a cache did",
        )  # fmt: skip
        st.caption(
            "A miss could have read from a cache. What could not be cached was too short, was not "
            "marked for caching, or its API has no cache."
        )


def _comparison(shown: data.View) -> None:
    with choosing_card("Compare", "Compare by", _BY, key="by") as by:
        rows = figures.by_value(shown, by)
        columns: dict[str, Sequence[str]] = {
            _BY[by]: [data.NO_VALUE if row[by] is None else fmt.one_line(row[by], 60)
                      for row in rows],
            "Requests": [fmt.count(row["requests"]) for row in rows],
            "Hit rate by request": [fmt.percent(row["cache_hit_rate"]) for row in rows],
            **_change(shown, rows, "cache_hit_rate", "Change"),
            "Hit rate by token": [fmt.percent(row["cache_token_rate"]) for row in rows],
            **_change(shown, rows, "cache_token_rate", "Change by token"),
            "Cached tokens": [fmt.count(row["cache_read_tokens"]) for row in rows],
            "Saved": [fmt.money_if_known(row["cache_savings"]) for row in rows],
            "Potential, at most": [fmt.money_if_known(row["missed_cost"]) for row in rows],
        }  # fmt: skip
        grid(columns, names=[_BY[by]], key=f"compare-{by}", alt=f"Cache by {_BY[by].lower()}")


def _change(
    shown: data.View, rows: Sequence[Row], name: str, column: str
) -> dict[str, Sequence[str]]:
    if not shown.choice.compare:
        return {}
    return {column: [fmt.points(row[f"{name}_change"]) or fmt.NONE for row in rows]}


def _breaks(found: Findings) -> None:
    with st.container(border=True):
        st.subheader("What breaks the prompt cache", anchor=False)
        looked = found.compared, found.without_text
        st.text(
            f"{fmt.plural(looked[0], 'pair')} of consecutive prompts compared, among the latest "
            f"{figures.LOOKED_AT} calls of the range."
            + (f" {fmt.plural(looked[1], 'call')} without a stored text." if looked[1] else "")
        )
        if not found.compared:
            st.caption(
                "Nothing to compare: it takes two calls of one session or feature, an hour apart "
                "at most, whose bodies are stored whole."
            )
            return
        if not found.breaks:
            st.badge("Every prompt begins as the one before it", icon=":material/check:",
                     color="green")  # fmt: skip
            return
        st.caption(
            "These prompts part before they ought to: a provider's cache serves nothing behind "
            "that text. Move what changes to the end of the prompt."
        )
        for number, each in enumerate(found.breaks[:_BREAKS]):
            _break(number, each)
        if len(found.breaks) > _BREAKS:
            st.caption(f"The {_BREAKS} that leave most uncached of {len(found.breaks)} are shown.")


def _break(number: int, found: Break) -> None:
    where = found.difference
    kind, name, model, call = found.group
    with st.container(border=True, key=f"break-{number}"):
        about = f"{kind.capitalize()} {fmt.one_line(name or data.NO_VALUE, 60)}"
        called = (fmt.one_line(text or data.NO_VALUE, 60) for text in (model, call))
        st.text("  ·  ".join((about, *called)))
        uncached = fmt.short_count(found.uncached_tokens)
        st.text(
            f"{where.place}: parts after {fmt.count(where.shared_characters)} of "
            f"{fmt.count(where.expected_characters)} characters, "
            f"{fmt.plural(found.times, 'time')}; {uncached} input tokens not from a cache."
        )
        st.code(
            f"before  …{fmt.one_line(where.lead + '⟦' + where.before + '⟧', 400)}\n"
            f"after   …{fmt.one_line(where.lead + '⟦' + where.after + '⟧', 400)}",
            language=None,
            wrap_lines=True,
        )
        with st.container(horizontal=True):
            for label, prompt in (("Earlier call", found.earlier), ("Later call", found.later)):
                if st.button(label, icon=":material/account_tree:", key=f"{label}-{number}"):
                    st.switch_page(
                        "views/traces.py",
                        query_params={"trace": prompt.trace_id, "span": prompt.span_id},
                    )


page(render)
