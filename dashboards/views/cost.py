"""Cost: is today usual, where the month is heading, who and what costs, when, how much a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data, data_budgets, data_cost, page_asks
from dashboards.access import exported
from dashboards.ahead import ahead
from dashboards.components import cost_charts as charts
from dashboards.components import format as fmt
from dashboards.components.arrow import show_table
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.costliest_calls import costliest_calls
from dashboards.components.figure_card import figure_card
from dashboards.components.figures_first import figures_first
from dashboards.components.filters import under_filters
from dashboards.components.foresight import foresee
from dashboards.components.states import live, nothing_found, page
from dashboards.components.unpriced import unpriced_banner

if TYPE_CHECKING:
    from collections.abc import Sequence

_BY: Final = {
    "user": "User",
    "tenant": "Tenant",
    "feature": "Feature",
    "model": "Model",
    "provider": "Provider",
}
_VERDICTS: Final = {
    "usual": "usual for this weekday",
    "high": "more than usual for this weekday",
    "low": "less than usual for this weekday",
}


def render() -> None:
    """Show the page."""
    st.title("Cost", anchor=False)
    under_filters(lambda shown: live(shown, _body, is_summary=True))


def _body(shown: data.View) -> None:
    by = st.session_state.get("cost-by") or "user"
    asks = page_asks.cost(by)
    with ahead((*asks.numbers, *asks.rest), shown):
        unpriced_banner(shown)
        _cards(shown)
        figures_first()
        left, right = st.columns(2, gap="small")
        with left:
            _today(shown)
        with right:
            _month(shown)
        _breakdown(shown)
        left, right = st.columns(2, gap="small")
        with left:
            _heat(shown)
        with right:
            _distribution(shown)
        costliest_calls(shown)
    foresee("cost", asks, shown)


def _cards(shown: data.View) -> None:
    cost, per_request, tokens, per_1k = data_cost.totals(shown)
    today = data.today(shown)
    month, forecast = data.month(shown)
    projected = forecast.projected_usd
    compares = shown.choice.compare and today.change is not None
    with st.grid(5, min_column_width=180):
        st.metric(
            "Spend today",
            fmt.spent(today.value, today.unpriced),
            fmt.change(today.change) if compares else None,
            delta_color="off",
            delta_arrow="off" if fmt.is_no_change(fmt.change(today.change)) else "auto",
            delta_description="yesterday" if compares else None,
            help="Since midnight, against yesterday up to the same time.",
            border=True,
            height=168,
            chart_data=today.course if len(today.course) > 1 else None,
            chart_type="area",
        )
        figure_card(
            shown,
            "Month to date",
            fmt.spent(month.value, month.unpriced),
            month,
            about=f"Projected month end: {forecast.basis}.",
            remark="no projection yet"
            if projected is None
            else f"→ {fmt.money(projected)} projected",
        )
        figure_card(
            shown,
            "Spend in range",
            fmt.spent(cost.value, cost.unpriced),
            cost,
            about="The exact sum of what is priced.",
        )
        figure_card(
            shown,
            "Per request",
            fmt.money(per_request.value),
            per_request,
            about="Cost ÷ the calls that are priced.",
        )
        figure_card(
            shown,
            "Per 1k tokens",
            fmt.money_if_known(per_1k),
            tokens,
            about="Cost ÷ tokens, in and out, of the calls that are priced and told their tokens. "
            "The course is that of all tokens.",
            remark=f"{fmt.short_count(tokens.value)} tokens",
        )


def _today(shown: data.View) -> None:
    course = data_cost.today(shown)
    with st.container(border=True, height="stretch"):
        st.subheader("Today, hour by hour", anchor=False)
        chart(
            shown,
            charts.day_chart(course),
            charts.day_table(course),
            key="day",
            alt="Spend since midnight by hour, and the band that is usual for this weekday",
        )
        st.caption(_day_told(course))


def _day_told(course: data_cost.DayCourse) -> str:
    usual, until = course.usual, f"{course.until:02d}:00"
    if usual.low is None or usual.high is None:
        return (
            f"What is usual needs four earlier days of this weekday; {usual.periods} are stored. "
            "The line is spend since midnight."
        )
    band = f"{fmt.money(usual.low)} to {fmt.money(usual.high)}".replace("$", "\\$")
    if usual.verdict == "unknown":
        return "The day has just begun. The band is what is usual for this weekday."
    return (
        f"By {until} it was {_VERDICTS[usual.verdict]} ({band} on the last {usual.periods}). "
        "The band is their median, give or take."
    )


def _month(shown: data.View) -> None:
    course, forecast, unpriced = data_cost.month(shown)
    budgets = data_budgets.month_budgets(shown)
    with st.container(border=True, height="stretch"):
        st.subheader("This month and its forecast", anchor=False)
        chart(
            shown,
            charts.month_chart(course, budgets),
            charts.month_table(course),
            key="month",
            alt="Spend since the month began by day, and where it is heading",
        )
        told = f"Projection: {forecast.basis}."
        if course.fan:
            told += " The fan holds four months in five, if days differ at random."
        elif forecast.projected_usd is not None:
            told += " A fan needs five whole days."
        if unpriced:
            told += f" {fmt.plural(unpriced, 'call')} without a price left out."
        for name, amount in budgets:
            told += f" Budget {name}: {fmt.money(amount)}."
        st.caption(told.replace("$", "\\$").replace("_", "\\_"))


def _breakdown(shown: data.View) -> None:
    with choosing_card("Who and what costs", "By", _BY, key="cost-by", default="user") as by:
        rows = data_cost.lines(shown, by)
        if not rows:
            nothing_found("call")
            return
        columns = _columns(shown, by, rows)
        if shown.choice.tables:
            cells = [list(row) for row in zip(*columns.values(), strict=True)]
            chart(shown, {}, (list(columns), cells), key="lines", alt=f"Cost by {by}")
        else:
            _grid(columns, rows, by)
        _below(shown, by, rows)


def _columns(shown: data.View, by: str, rows: Sequence[data_cost.Line]) -> dict[str, list[str]]:
    change = {"Change": [fmt.change(row.change) or fmt.NONE for row in rows]}
    return {
        _BY[by]: [_name(row.name) for row in rows],
        "Cost": [fmt.spent(row.cost, row.unpriced) for row in rows],
        "Share": [fmt.percent(row.share) for row in rows],
        **(change if shown.choice.compare else {}),
        "Requests": [fmt.count(row.requests) for row in rows],
        "Per request": [fmt.money(row.per_request) for row in rows],
        "Tokens": [fmt.short_count(row.tokens) for row in rows],
        "Per 1k tokens": [fmt.money_if_known(row.per_1k) for row in rows],
        "Saved by cache": [fmt.money_if_known(row.saved) for row in rows],
    }


def _grid(columns: dict[str, list[str]], rows: Sequence[data_cost.Line], by: str) -> None:
    shares = [None if row.share is None else row.share * 100 for row in rows]
    right = st.column_config.TextColumn(alignment="right")
    show_table(
        {**columns, "Share": shares},
        height="content" if len(rows) <= 12 else 443,
        row_height=34,
        column_config={
            **{name: right for name in columns if name != _BY[by]},
            "Share": st.column_config.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100, width="small"
            ),
        },
        key="lines",
        alt=f"Cost by {by}, what costs most first",
    )


def _below(shown: data.View, by: str, rows: Sequence[data_cost.Line]) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        number = len(rows)
        if number == data_cost.LISTED:
            number = data_cost.number_of(shown, by)
        told = f"The {len(rows)} of {number:,} that cost most." if number > len(rows) else (
            f"All {number:,} in this range." if number > 1 else "The only one in this range."
        )  # fmt: skip
        st.caption(told, width="content")
        st.download_button(
            "All as CSV",
            # Only when asked for: it may be ten thousand lines.
            data=exported(
                {
                    "page": "cost",
                    "by": by,
                    "range": shown.range,
                    "filters": sorted(shown.choice.filters),
                },
                lambda: data_cost.export(shown, by).encode(),
            ),
            file_name=f"cost-by-{by}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
        )


def _heat(shown: data.View) -> None:
    costs = data_cost.heat(shown)
    with st.container(border=True, height="stretch"):
        st.subheader("When: the last four weeks", anchor=False)
        if not costs:
            nothing_found("priced call")
            return
        chart(
            shown,
            charts.heat_chart(costs),
            charts.heat_table(costs),
            key="heat",
            alt="Cost by weekday and hour, four of each",
        )
        day, hour = max(costs, key=lambda place: (costs[place], place))
        most = fmt.money(costs[day, hour]).replace("$", "\\$")
        st.caption(f"Most on {charts.DAYS[day]} {hour:02d}:00: {most}. Whatever range is chosen.")


def _distribution(shown: data.View) -> None:
    steps = data_cost.distribution(shown)
    with st.container(border=True, height="stretch"):
        st.subheader("What a call costs", anchor=False)
        if not steps:
            nothing_found("priced call")
            return
        chart(
            shown,
            charts.distribution_chart(steps),
            charts.distribution_table(steps),
            key="distribution",
            alt="Number of calls by what each cost",
        )
        st.caption("Calls by cost; a bar goes up to where the next step (1, 2, 5, 10) begins.")


def _name(value: str | None) -> str:
    return data.NO_VALUE if value is None else fmt.one_line(value, 60)


page(render)
