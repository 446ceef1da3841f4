"""What-if: what the selected calls would cost on other models, exactly, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_what_if as figures
from dashboards.components import format as fmt
from dashboards.components.chart import chart
from dashboards.components.filters import filter_bar
from dashboards.components.grid import grid
from dashboards.components.states import nothing_found, page
from dashboards.components.what_if_charts import bills_chart, bills_table

if TYPE_CHECKING:
    from decimal import Decimal

    from dashboards import data
    from dashboards.data_what_if import Assumptions, Line, WhatIf

_CACHING: Final = {"As measured": "measured", "No caching": "none"}
_TIERS: Final = {"As measured": "measured", "Standard": "standard"}
_REASONS: Final = 12


def render() -> None:
    """Show the page."""
    st.title("What-if", anchor=False)
    shown = filter_bar()
    with st.container(border=True):
        names, assumptions, percent = _assumptions(shown)
    found = figures.answer(shown, names, assumptions)
    if not found.calls:
        nothing_found("call")
        return
    lines = figures.lines(found, percent)
    _cards(found, lines, percent)
    _bills(shown, found, lines, percent)
    _table(lines, percent)
    _unpriced(lines)
    _notes(found, shown)


def _assumptions(shown: data.View) -> tuple[list[str], Assumptions, int]:
    names = st.multiselect(
        "Models to compare",
        figures.known_models(shown),
        key="models",
        bind="query-params",
        accept_new_options=True,
        max_selections=figures.MAX_CANDIDATES,
        placeholder="The models in use; or choose others, as provider/model",
        help="Of the price list, of your prices.yaml, or any other as provider/model.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        caching = st.segmented_control(
            "Cache",
            list(_CACHING),
            default="As measured",
            required=True,
            key="caching",
            bind="query-params",
            help="As measured: as many tokens come from a cache there. No caching: every input "
            "token is paid as plain input, and none is written.",
        )
        tiers = st.segmented_control(
            "Service tier",
            list(_TIERS),
            default="As measured",
            required=True,
            key="tiers",
            bind="query-params",
            help="As measured: flex stays flex, batch stays batch; a model without that tier has "
            "no price for those calls.",
        )
        percent = st.slider(
            "Share of the calls that moves, %",
            min_value=0,
            max_value=100,
            value=100,
            step=5,
            key="share",
            bind="query-params",
            width=320,
        )
    assumed = figures.Assumptions(
        caching="none" if caching == "No caching" else "measured",
        tiers="standard" if tiers == "Standard" else "measured",
    )
    return list(names) or figures.proposed(shown), assumed, percent


def _cards(found: WhatIf, lines: list[Line], percent: int) -> None:
    best = next((line for line in lines if line.bill_usd is not None), None)
    with st.grid(4, min_column_width=165):
        _card("Cost as it was", fmt.money(found.charged_usd),
              f"{found.uncharged_calls:,} unpriced" if found.uncharged_calls else None,
              "What the selected calls cost, at the prices of their time.")  # fmt: skip
        _card("Calls", fmt.count(found.calls - found.silent_calls),
              f"+ {found.silent_calls:,} without tokens" if found.silent_calls else None,
              "Calls that told what they consumed. Failed calls mostly tell nothing, and cost "
              "nothing anywhere.")  # fmt: skip
        _card(f"Lowest bill, {percent} % moved", fmt.NONE if best is None else _bill(best),
              f"of {fmt.plural(len(lines), 'model')}",
              "What was paid, but that share of the calls that can be compared at the other "
              "model's prices. Calls without a price on one side stay as they are.")  # fmt: skip
        _card("Change of the bill",
              fmt.NONE if best is None or best.moved_usd is None else fmt.money(best.moved_usd),
              fmt.change(best.bill_change) if best else None,
              "The lowest bill less what was paid.")  # fmt: skip


def _card(label: str, value: str, remark: str | None, about: str) -> None:
    st.metric(label, value, remark, delta_color="off", delta_arrow="off", help=about, border=True,
              height=118)  # fmt: skip


def _bills(shown: data.View, found: WhatIf, lines: list[Line], percent: int) -> None:
    bills = [(_name(line), line.bill_usd) for line in lines if line.bill_usd is not None]
    with st.container(border=True):
        st.subheader(f"Bill with {percent} % of the calls moved", anchor=False)
        if not bills or found.charged_usd is None:
            st.badge("No call has a price on both sides", color="gray")
            return
        chart(shown, bills_chart(bills, found.charged_usd), bills_table(bills, found.charged_usd),
              key="bills", alt="Bill by model, against what was paid")  # fmt: skip


def _table(lines: list[Line], percent: int) -> None:
    with st.container(border=True):
        st.subheader("Candidates", anchor=False)
        grid(
            {
                "Model": [_name(line) for line in lines],
                "Cost there": [fmt.money(line.result.cost_usd) for line in lines],
                "Calls priced": [_priced(line) for line in lines],
                "Compared, as it was": [_compared(line, line.result.before_usd) for line in lines],
                "Compared, there": [_compared(line, line.result.after_usd) for line in lines],
                "Change": [fmt.change(line.change, 1) or fmt.NONE for line in lines],
                f"Bill, {percent} % moved": [_bill(line) for line in lines],
                "Context window": [fmt.short_count(line.result.context_window) if
                                   line.result.context_window else "not known" for line in lines],
                "Do not fit": ["not known" if line.result.too_long_calls is None
                               else fmt.count(line.result.too_long_calls) for line in lines],
            },
            names=["Model"],
            key="candidates",
            alt="Candidates, the lowest bill first",
        )  # fmt: skip
        st.caption(
            "Compared are the calls that have a price there and had one as they were made. Those "
            "that do not fit have more input than the context window: they are priced all the same."
        )


def _unpriced(lines: list[Line]) -> None:
    reasons = [
        (count, _name(line), why)
        for line in lines
        for why, count in line.result.unpriced.most_common()
    ]
    if not reasons:
        return
    reasons.sort(key=lambda reason: -reason[0])
    with st.container(border=True):
        st.subheader("Calls without a price there", anchor=False)
        grid(
            {
                "Model": [name for _, name, _ in reasons[:_REASONS]],
                "Why": [fmt.one_line(why, 200) for _, _, why in reasons[:_REASONS]],
                "Calls": [fmt.count(count) for count, _, _ in reasons[:_REASONS]],
            },
            names=["Model", "Why"],
            key="reasons",
            alt="Why calls have no price on a model, most calls first",
        )
        if len(reasons) > _REASONS:
            st.caption(f"The {_REASONS} of most calls of {len(reasons)} are shown.")


def _notes(found: WhatIf, shown: data.View) -> None:
    counted = (
        "Tokens are counted as the models that were called counted them. Another model's tokenizer "
        "counts the same text differently, and its answers are of another length."
    )
    priced = (
        f"Prices are those of {shown.now:%Y-%m-%d %H:%M} UTC, without a surcharge for a region. "
        "Output limits are not in the price list: nobody checked them."
    )
    notes = [counted, priced]
    if found.unread_calls:
        notes.append(
            f"{fmt.plural(found.unread_calls, 'call')} with fees, images or the like are left out: "
            f"the newest {figures.MAX_READ:,} of such calls are read one by one."
        )
    with st.container(border=True):
        st.subheader("What this does not know", anchor=False)
        for note in notes:
            st.text(note)


def _name(line: Line) -> str:
    return fmt.one_line(f"{line.candidate.provider}/{line.candidate.model}", 80)


def _priced(line: Line) -> str:
    result = line.result
    if not result.calls:
        return fmt.NONE
    share = result.priced_calls / result.calls
    return f"{fmt.percent(share, 0 if share in (0, 1) else 1)} of {result.calls:,}"


def _compared(line: Line, amount: Decimal) -> str:
    return fmt.money(amount) if line.result.compared_calls else fmt.NONE


def _bill(line: Line) -> str:
    return fmt.money_if_known(line.bill_usd)


page(render)
