"""Overview: what was spent, on what, for whom, and is anything wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import streamlit as st

from dashboards import data, page_asks
from dashboards.address import CUSTOM
from dashboards.ahead import ahead
from dashboards.components import format as fmt
from dashboards.components.arrow import show_chart, show_table
from dashboards.components.cards import choosing_card
from dashboards.components.chart import chart
from dashboards.components.charts import PICKED, stacked_cost, stacked_table
from dashboards.components.figures_first import figures_first
from dashboards.components.filters import open_with, under_filters
from dashboards.components.foresight import foresee
from dashboards.components.headline import headline
from dashboards.components.states import live, nothing_found, page
from dashboards.components.unpriced import unpriced_banner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.address import Choice
    from dashboards.data import Figure

    Tint = Literal["normal", "inverse", "off"]

_SERIES: Final = {"model": "Model", "provider": "Provider", "feature": "Feature", "user": "User"}
_SPENDERS: Final = {"user": "User", "feature": "Feature", "tenant": "Tenant", "model": "Model"}
_ALERTS: Final = 3
_SEVERITY_COLOR: Final = {"critical": "red", "warning": "orange", "info": "blue"}


def render() -> None:
    """Show the page."""
    st.title("Overview", anchor=False)
    under_filters(lambda shown: live(shown, _body, is_summary=True))


def _body(shown: data.View) -> None:
    stack, spenders = (st.session_state.get(key) for key in ("stack", "spenders"))
    asks = page_asks.overview(stack or next(iter(_SERIES)), spenders or next(iter(_SPENDERS)))
    with ahead(asks.numbers, shown):
        headline(shown)
        _alert_strip()
        _cards(shown)
    with ahead(asks.rest, shown):
        figures_first()
        _cost_chart(shown)
        unpriced_banner(shown)
        left, right = st.columns(2, gap="small")
        with left:
            _top_spenders(shown)
        with right:
            _latest_errors(shown)
    foresee("overview", asks, shown)


def _alert_strip() -> None:
    alerts = data.alerts()
    if not alerts:
        return
    with st.container(border=True, gap="xsmall", key="firing"):
        _firing(alerts)


def _firing(alerts: Sequence[Mapping[str, Any]]) -> None:
    for place, alert in enumerate(alerts[:_ALERTS]):
        with st.container(horizontal=True, vertical_alignment="center"):
            color = _SEVERITY_COLOR.get(alert["severity"], "orange")
            st.badge("Firing", icon=":material/notifications_active:", color=color)  # pyright: ignore[reportArgumentType]  # from a closed table
            told = fmt.one_line(f"{alert['title']}: {alert['summary']}", 300)
            st.text(told, width="stretch")
            if st.button(
                "Open alert",
                icon=":material/arrow_forward:",
                type="tertiary",
                key=f"alert-{place}",
            ):
                st.switch_page("views/alerts.py", query_params={"alert": alert["episode"]})
    if len(alerts) > _ALERTS and st.button(
        f"{len(alerts) - _ALERTS} more firing", icon=":material/notifications:", type="tertiary"
    ):
        st.switch_page("views/alerts.py")


def _cards(shown: data.View) -> None:
    figures = data.figures(shown)
    month, forecast = data.month(shown)
    projected, saved = forecast.projected_usd, figures["cache_savings"].value
    prior = fmt.prior(shown.range) if shown.choice.compare else None
    today = data.today(shown)
    with st.grid(6, min_column_width=165):
        _card(
            "Spend today",
            fmt.spent(today.value, today.unpriced),
            today,
            delta=fmt.change(today.change),
            note="yesterday" if prior else None,
            compares=True,
            help_text="Since midnight, against yesterday up to the same time.",
        )
        _card(
            "Month to date",
            fmt.spent(month.value, month.unpriced),
            month,
            delta="no projection yet"
            if projected is None
            else f"→ {fmt.money(projected)} projected",
            help_text=f"Projected month end: {forecast.basis}.",
        )
        _card(
            "Requests",
            fmt.count(figures["requests"].value),
            figures["requests"],
            delta=fmt.change(figures["requests"].change),
            note=prior,
            compares=True,
        )
        _card(
            "Error rate",
            fmt.percent(figures["error_rate"].value),
            figures["error_rate"],
            delta=fmt.points(figures["error_rate"].change),
            tint="inverse",
            note=prior,
            compares=True,
        )
        _card(
            "Latency p95",
            fmt.duration(figures["latency_p95"].value),
            figures["latency_p95"],
            delta=fmt.change(figures["latency_p95"].change),
            tint="inverse",
            note=prior,
            compares=True,
        )
        _card(
            "Cache hit rate",
            fmt.percent(figures["cache_hit_rate"].value),
            figures["cache_hit_rate"],
            delta=None if saved is None else f"{fmt.money(saved)} saved",
        )


def _card(
    label: str,
    value: str,
    figure: Figure,
    *,
    delta: str | None,
    tint: Tint = "off",
    compares: bool = False,
    note: str | None = None,
    help_text: str | None = None,
) -> None:
    """Show one figure; without a note the delta is a remark and has no arrow.

    If it compares, there is no delta without a note: the viewer does not want to compare.
    """
    if compares and note is None:
        delta = None
    st.metric(
        label,
        value,
        delta,
        delta_color="off" if fmt.is_no_change(delta) else tint,
        delta_arrow="auto" if note and not fmt.is_no_change(delta) else "off",
        delta_description=note if delta else None,
        help=help_text,
        border=True,
        height=168,
        chart_data=figure.course if len(figure.course) > 1 else None,
        chart_type="area",
    )


def _cost_chart(shown: data.View) -> None:
    with choosing_card("Cost over time", "Stack by", _SERIES, key="stack") as by:
        bars, series = data.cost_over_time(shown, by)
        if not bars:
            nothing_found("priced call")
            return
        start_ms, end_ms = data.chart_edges(shown)
        spec = stacked_cost(
            bars, grain=shown.grain, start_ms=start_ms, end_ms=end_ms, series=series
        )
        alt = f"Cost over time, stacked by {by}"
        if shown.choice.tables:
            chart(shown, spec, stacked_table(bars, series), key="cost", alt=alt)
            return
        picked = show_chart(
            spec,
            key=f"cost-{by}",
            alt=alt,
            on_select="rerun",
            selection_mode=PICKED,
        )
        st.caption("Select a bar to see which calls it is of.")
        _open_bar(shown, by, picked)


def _open_bar(shown: data.View, by: str, picked: Any) -> None:  # Streamlit's own event
    bars: Sequence[Mapping[str, Any]] = picked.selection.get(PICKED) or []
    moments = data.bucket_from(shown, bars[0]["from"]) if bars else None
    if moments is not None:
        choice = replace(shown.choice, range=CUSTOM, days=None, moments=moments)
        open_with("views/cost.py", _only(choice, by, bars[0]["series"]))


def _only(choice: Choice, by: str, name: str) -> Choice:
    """Return the choice narrowed to a series; one of several values, or of none, has no filter."""
    if name in {data.NO_VALUE, data.OTHER}:
        return choice
    return replace(choice, filters={**choice.filters, by: (name,)})


def _top_spenders(shown: data.View) -> None:
    with choosing_card(
        "Top spenders", "Spenders by", _SPENDERS, key="spenders", stretch=True
    ) as by:
        rows = data.spenders(shown, by)
        if not rows:
            nothing_found("call")
            return
        change = {"Change": [fmt.change(row.change) or fmt.NONE for row in rows]}
        picked = show_table(
            {
                _SPENDERS[by]: [fmt.one_line(row.name or data.NO_VALUE, 60) for row in rows],
                "Share": [None if row.share is None else row.share * 100 for row in rows],
                "Cost": [fmt.spent(row.cost, row.unpriced) for row in rows],
                **(change if shown.choice.compare else {}),
                "Requests": [row.requests for row in rows],
                "Per request": [fmt.money(row.cost_per_request) for row in rows],
            },
            height="content",
            row_height=34,
            column_config={
                "Share": st.column_config.ProgressColumn(
                    format="%.0f%%", min_value=0, max_value=100, width="small"
                ),
                "Cost": st.column_config.TextColumn(alignment="right"),
                "Change": st.column_config.TextColumn(alignment="right"),
                "Per request": st.column_config.TextColumn(alignment="right"),
                "Requests": st.column_config.NumberColumn(format="localized"),
            },
            key=f"spenders-{by}",
            on_select="rerun",
            selection_mode="single-row",
            alt=f"The {len(rows)} of each {_SPENDERS[by].lower()} that cost most",
        )
        st.caption("Select a row to see when, and on which calls.")
        if picked:
            name = rows[picked[0]].name
            open_with("views/cost.py", _only(shown.choice, by, name or data.NO_VALUE))


def _latest_errors(shown: data.View) -> None:
    with st.container(border=True, height="stretch"):
        st.subheader("Latest errors", anchor=False)
        rows = data.errors(shown)
        if not rows:
            st.badge("No failed call in this range", icon=":material/check:", color="green")
            return
        picked = show_table(
            {
                "Time": [f"{row['when']:%d %b %H:%M:%S}" for row in rows],
                "Error": [fmt.one_line(row["error_type"], 40) for row in rows],
                "Model": [fmt.one_line(row["model"], 40) for row in rows],
                "User": [fmt.one_line(row["user_id"], 40) for row in rows],
                "Message": [fmt.one_line(row["status_message"], 200) for row in rows],
            },
            height="content",
            row_height=34,
            key="errors",
            on_select="rerun",
            selection_mode="single-row",
            alt="The calls that failed last",
        )
        st.caption("Select a row to open its trace.")
        if picked:
            row = rows[picked[0]]
            st.switch_page(
                "views/traces.py",
                query_params={"trace": row["trace_id"], "span": row["span_id"]},
            )


page(render)
