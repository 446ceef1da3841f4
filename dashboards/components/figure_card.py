"""One figure as a card: its value, how it changed, its course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboards.components import format as fmt

if TYPE_CHECKING:
    from dashboards.data import Figure, View

    Tint = Literal["normal", "inverse", "off"]


def figure_card(
    shown: View,
    label: str,
    value: str,
    figure: Figure,
    *,
    is_rate: bool = False,
    tint: Tint = "off",
    about: str,
    remark: str | None = None,
) -> None:
    """Show a figure; its change is left out if the viewer does not compare or it is unknown.

    A ``remark`` stands where the change does, without an arrow.
    """
    change = (fmt.points if is_rate else fmt.change)(figure.change)
    compares = shown.choice.compare and change is not None and remark is None
    is_same = fmt.is_no_change(change)  # neither good nor bad, nor up nor down
    st.metric(
        label,
        value,
        change if compares else remark,
        delta_color=tint if compares and not is_same else "off",
        delta_arrow="auto" if compares and not is_same else "off",
        delta_description=fmt.prior(shown.range) if compares else None,
        help=about,
        border=True,
        height=168,
        chart_data=figure.course if len(figure.course) > 1 else None,
        chart_type="area",
    )
