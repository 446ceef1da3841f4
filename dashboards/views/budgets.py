"""Budgets: what is used of each, where it is heading, and how earlier periods ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from dashboards import data
from dashboards import data_budgets as figures
from dashboards.access import require_all_tenants
from dashboards.components import budget_charts as charts
from dashboards.components import format as fmt
from dashboards.components.chart import chart
from dashboards.components.filters import filter_bar
from dashboards.components.grid import grid
from dashboards.components.rule_states import how_to_start, not_evaluated
from dashboards.components.states import live, page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from dashboards.data_budgets import Budget, Close, Line, State, Summary

    Color = Literal["red", "orange", "green", "gray"]

_STATES: Final[dict[State, tuple[str, Color]]] = {
    "over": ("Over budget", "red"),
    "heading": ("Heading over", "orange"),
    "near": ("Nearly used up", "orange"),
    "within": ("Within budget", "green"),
    "unpriced": ("No price known", "gray"),
    "unspent": ("Nothing called", "gray"),
}
_PERIODS: Final = {"day": "today", "week": "this week", "month": "this month"}


def render() -> None:
    """Show the page."""
    require_all_tenants()
    st.title("Budgets", anchor=False)
    shown = filter_bar()
    if shown.choice.filters:
        st.caption("Each budget says itself which calls it is of: filters do not apply here.")
    live(shown, _body)


def _body(shown: data.View) -> None:
    rules = figures.in_force()
    not_evaluated(shown, rules)
    if rules is None or rules.book is None:
        return
    found = figures.summaries(shown, rules)
    if not found:
        if rules.book.rules:
            how_to_start("The rule file has no budget")
        return
    _overall(found)
    with st.grid(3, min_column_width=300):
        for summary in found:
            _card(summary)
    for summary in found:
        if summary.budget.by:
            _lines(summary)
    _history(shown, found)


def _overall(found: Sequence[Summary]) -> None:
    lines = [line for summary in found for line in summary.lines]
    over = sum(line.state == "over" for line in lines)
    heading = sum(line.state == "heading" for line in lines)
    if over or heading:
        parts = [fmt.plural(over, "budget") + " over"] if over else []
        parts += [f"{heading} heading over"] if heading else []
        st.text(", ".join(parts) + ", each user or other value with a budget of its own counted.")


def _card(summary: Summary) -> None:
    budget = summary.budget
    with st.container(border=True, height="stretch", key=f"budget-{budget.id}"):
        if not summary.lines:
            st.text(budget.id)
            st.badge("Nothing called", color="gray")
            st.caption("None of its calls has started yet in this period.")
            return
        line = summary.lines[0]
        word, color = _STATES[line.state]
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.text(_title(summary, line), width="content")
            st.badge(word, color=color)
        st.metric(
            f"Spent {_PERIODS[budget.period]}",
            fmt.spent(line.spent, line.unpriced),
            f"of {fmt.money(budget.amount_usd)}, {fmt.percent(line.used, 0)} used",
            delta_color="off",
            delta_arrow="off",
        )
        projected = line.forecast.projected_usd
        ahead = None if projected is None else float(projected / budget.amount_usd)
        st.html(charts.progress_bar(line.used, ahead, color, name=f"{budget.id}, {word}"))
        told = "No forecast yet" if projected is None else f"Forecast {fmt.money(projected)}"
        st.text(f"{told}  ·  {_left(line.left)} left")
        # Names in rule files may hold underscores, which mean something here.
        st.caption(_told(summary, line).replace("_", "\\_"))


def _title(summary: Summary, line: Line) -> str:
    name = f" · {fmt.one_line(figures.name_of(line), 40)}" if summary.budget.by else ""
    return f"{summary.budget.id}{name}"


def _told(summary: Summary, line: Line) -> str:
    who = f"By {', '.join(summary.budget.by)}; this one spent most. " if summary.budget.by else ""
    told = f"{who}Forecast: {line.forecast.basis}. Days begin at midnight of "
    told += f"{summary.budget.timezone}."
    told += f" Alerts {', '.join(summary.rules)}." if summary.rules else " No rule watches it."
    if line.unpriced:
        told += f" {fmt.plural(line.unpriced, 'call')} without a price not counted."
    return told


def _lines(summary: Summary) -> None:
    by = ", ".join(summary.budget.by)
    with st.container(border=True):
        st.subheader(f"By {by}, {_PERIODS[summary.budget.period]}", anchor=False)
        st.text(f"{summary.budget.id}: {fmt.money(summary.budget.amount_usd)} each")
        if not summary.lines:
            st.badge("None of its calls has started yet in this period", color="gray")
            return
        rows = summary.lines
        grid(
            {
                by.capitalize(): [fmt.one_line(figures.name_of(line), 60) for line in rows],
                "State": [_STATES[line.state][0] for line in rows],
                "Spent": [fmt.spent(line.spent, line.unpriced) for line in rows],
                "Used": [fmt.percent(line.used, 0) for line in rows],
                "Forecast": [fmt.money(line.forecast.projected_usd)
                             if line.forecast.projected_usd is not None else fmt.NONE
                             for line in rows],
                "Requests": [fmt.count(line.requests) for line in rows],
            },
            names=[by.capitalize(), "State"],
            key=f"lines-{summary.budget.id}",
            alt=f"Budgets by {by}, what spent most first",
        )  # fmt: skip
        if summary.is_cut:
            st.caption(f"The {len(rows)} that spent most.")


def _history(shown: data.View, found: Sequence[Summary]) -> None:
    by_id = {summary.budget.id: summary for summary in found if summary.lines}
    if not by_id:
        return
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader("How earlier periods ended", anchor=False, width="content")
            with st.container(horizontal=True, width="content"):
                named = st.selectbox("Budget", list(by_id), key="budget", bind="query-params",
                                     width=220, label_visibility="collapsed")  # fmt: skip
                summary = by_id[named] if named in by_id else next(iter(by_id.values()))
                line = _which(summary)
        closes = figures.closes(shown, line)
        if not closes:
            st.badge("No period has ended since the first stored call", color="gray")
            return
        left, right = st.columns([3, 2], gap="small")
        with left:
            chart(
                shown,
                charts.closes_chart(closes, line.budget),
                charts.closes_table(closes, line.budget),
                key="closes",
                alt="Spend of earlier periods against the budget",
            )
        with right:
            _closes(closes, line.budget)
        st.caption(
            "Each period's exact spend against today's amount; the amount may have been another "
            "one then."
        )


def _which(summary: Summary) -> Line:
    if not summary.budget.by:
        return summary.lines[0]
    names = [fmt.one_line(figures.name_of(line), 60) for line in summary.lines]
    place = st.selectbox(
        "Of whom",
        range(len(names)),
        # The list shows plain text, no Markdown.
        format_func=names.__getitem__,
        key=f"line-{summary.budget.id}",
        width=220,
        label_visibility="collapsed",
    )
    return summary.lines[place or 0]


def _closes(closes: Sequence[Close], budget: Budget) -> None:
    grid(
        {
            "Period": [charts.period_name(close, budget) for close in closes],
            "Spent": [fmt.spent(close.spent, close.unpriced) for close in closes],
            "Used": [fmt.percent(close.used, 0) for close in closes],
            "Ended": [charts.ending(close, budget) for close in closes],
        },
        names=["Period", "Ended"],
        key="closed",
        alt="Earlier periods, the newest first",
        height=300,
    )  # fmt: skip


def _left(left: timedelta) -> str:
    hours = left.total_seconds() / 3_600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"


page(render)
