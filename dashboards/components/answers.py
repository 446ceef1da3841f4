"""Two answers to one request side by side: figures, texts, what differs. All text untrusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboards import data_replay
from dashboards.components import format as fmt

if TYPE_CHECKING:
    from decimal import Decimal

    from dashboards.data_replay import Comparison, Side

_LONGEST_TEXT: Final = 20_000
_SHORT_TEXT: Final = 600
_LONGEST_DIFF: Final = 50_000
_NAMES: Final = ("Stored", "Replayed")


def comparison(found: Comparison, traces: tuple[str | None, str | None], *, key: str) -> None:
    """Show a comparison; ``traces`` are the trace ids of its sides, None where there is none."""
    _figures(found)
    columns = st.columns(2, gap="small")
    sides = (found.before, found.after)
    is_long = any(len(side.text or "") > _SHORT_TEXT for side in sides)
    for column, name, side, trace_id in zip(columns, _NAMES, sides, traces, strict=True):
        with column:
            _side(name, side, trace_id, key=key, is_long=is_long)
    with st.container(border=True):
        st.subheader("Text difference", anchor=False)
        if found.diff:
            st.code(fmt.plain("\n".join(found.diff), _LONGEST_DIFF), language="diff",
                    wrap_lines=True)  # fmt: skip
        elif found.is_same:
            st.badge("The answers are the same", icon=":material/check:", color="green")
        elif found.similarity_ratio is None:
            st.text("The answers cannot be compared: one of them was not captured whole.")
        else:
            st.text("The answers differ in white space only.")


def _figures(found: Comparison) -> None:
    before, after = found.before, found.after
    with st.grid(5, min_column_width=150):
        _card("Cost", fmt.money(after.cost_usd), _against(before.cost_usd, after.cost_usd))
        _card("Latency", fmt.duration(after.latency_ms),
              _against(before.latency_ms, after.latency_ms))  # fmt: skip
        _card("Input tokens", fmt.count(after.input_tokens),
              _against(before.input_tokens, after.input_tokens))  # fmt: skip
        _card("Output tokens", fmt.count(after.output_tokens),
              _against(before.output_tokens, after.output_tokens))  # fmt: skip
        alike = found.similarity_ratio
        _card("Words alike", fmt.NONE if alike is None else f"{alike:.0%}",
              data_replay.verdict(found).partition(",")[0].partition(":")[0])  # fmt: skip


def _card(label: str, value: str, remark: str | None) -> None:
    st.metric(label, value, remark, delta_color="off", delta_arrow="off", border=True, height=118)


def _against(before: float | Decimal | None, after: float | Decimal | None) -> str | None:
    """Return the change against the stored call in words; None if either is unknown."""
    if before is None or after is None:
        return None
    if before == after:
        return "as stored"
    if not before:
        return "stored: 0"
    return f"{fmt.change(float(after) / float(before) - 1)} vs stored"


def _side(name: str, side: Side, trace_id: str | None, *, key: str, is_long: bool) -> None:
    with st.container(border=True, height="stretch"):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader(name, anchor=False, width="content")
            if trace_id and st.button(
                "Open trace", icon=":material/account_tree:", type="tertiary", key=f"{key}-{name}"
            ):
                st.switch_page("views/traces.py", query_params={"trace": trace_id})
        st.text(
            "  ·  ".join(
                [
                    fmt.one_line(side.model, 80),
                    f"{fmt.count(side.input_tokens)} → {fmt.count(side.output_tokens)} tokens",
                    fmt.exact_money(side.cost_usd),
                    fmt.duration(side.latency_ms),
                    fmt.one_line(", ".join(side.finish_reasons) or "no finish reason", 60),
                ]
            )
        )
        with st.container(height=360 if is_long else "content", border=True,
                          key=f"message-{key}-{name}"):  # fmt: skip
            if side.text is None:
                st.caption("This answer was not captured, or not whole.")
            else:
                st.text(fmt.plain(side.text, _LONGEST_TEXT) or "(empty)")
