"""Two traces side by side: sums, cost by kind of token, and one span of each with its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_traces as figures
from dashboards.components import format as fmt
from dashboards.components.grid import grid
from dashboards.components.trace_detail import all_traces, first_to_show, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

_LINES: Final = 1_000
"""Lines of a difference that are shown."""
_LONGEST_LINE: Final = 2_000


def compare(first: str, second: str) -> None:
    """Show both traces; the URL names them and the span of each that is compared."""
    zone = st.context.timezone or "UTC"
    with st.container(horizontal=True):
        st.button("All traces", icon=":material/arrow_back:", on_click=all_traces)
        for label, trace_id, span in (("First", first, "span"), ("Second", second, "with_span")):
            st.button(
                f"{label} trace",
                icon=":material/account_tree:",
                on_click=_open,
                args=(trace_id, st.query_params.get(span, "")),
            )
        st.button("Swap", icon=":material/swap_horiz:", on_click=_swap)
    sides = [stored(trace_id, zone) for trace_id in (first, second)]
    if sides[0] is None or sides[1] is None:
        return
    (left, left_steps), (right, right_steps) = sides[0], sides[1]
    st.title("Two traces compared", anchor=False)
    with st.grid(2, min_column_width=300):
        for label, summary, trace_id in (("First", left, first), ("Second", right, second)):
            with st.container(border=True):
                st.badge(label, color="blue" if label == "First" else "violet")
                st.text(fmt.one_line(summary["name"], 120))
                st.text(f"{fmt.moment(summary['when'])}  ·  trace {trace_id}")
    _sums(left, right)
    _costs(figures.trace_lines(first), figures.trace_lines(second),
           (_total(left), _total(right)), key="trace")  # fmt: skip
    _spans((first, left_steps), (second, right_steps), zone)


def _sums(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "Duration": ("duration_ms", fmt.duration),
        "Input tokens": ("input_tokens", fmt.count),
        "Output tokens": ("output_tokens", fmt.count),
        "LLM calls": ("llm_calls", fmt.count),
        "Spans": ("spans", fmt.count),
        "Errors": ("errors", fmt.count),
        "Calls without a price": ("unpriced_calls", fmt.count),
    }
    _side_by_side(left, right, shown, key="sums", alt="Both traces in figures")


def _side_by_side(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    figures_shown: Mapping[str, tuple[str, Callable[[Any], str]]],
    texts: Mapping[str, str] | None = None,
    *,
    key: str,
    alt: str,
) -> None:
    """Show texts, the cost and figures (label → field) of both, and how the second differs."""
    named = texts or {}
    columns: dict[str, list[str]] = {"Figure": [*named, "Cost", *figures_shown]}
    for name, side in (("First", left), ("Second", right)):
        columns[name] = [
            *(fmt.one_line(side[field], 80) for field in named.values()),
            _total(side),
            *(show(side[field]) for field, show in figures_shown.values()),
        ]
    fields = ["cost_usd", *(field for field, _ in figures_shown.values())]
    columns["Change"] = [
        *("" for _ in named),
        *(fmt.change(figures.change(right[field], left[field])) or fmt.NONE for field in fields),
    ]
    grid(columns, names=["Figure"], key=key, alt=alt)


def _total(side: Mapping[str, Any]) -> str:
    """Return what a trace or a span cost: at least, if a part of it has no price."""
    cost: Decimal | None = side["cost_usd"]
    unpriced = side.get("unpriced_calls")
    if unpriced is None:  # a span: one that failed before it was answered lacks no price
        unpriced = cost is None and (side["status"] != "error" or side["input_tokens"] is not None)
    return fmt.spent(cost, unpriced, fmt.exact_money)


def _costs(
    left: Sequence[figures.CostLine],
    right: Sequence[figures.CostLine],
    totals: tuple[str, str],
    *,
    key: str,
) -> None:
    kinds = list(dict.fromkeys(line.kind for line in (*left, *right)))
    if not kinds:
        return
    sides = [{line.kind: line for line in lines} for lines in (left, right)]
    columns: dict[str, list[str]] = {"Kind": [*kinds, "Total"]}
    for name, side, total in zip(("First", "Second"), sides, totals, strict=True):
        columns[f"{name}, tokens"] = [
            *(fmt.count(side[kind].tokens) if kind in side else fmt.NONE for kind in kinds),
            fmt.NONE,
        ]
        columns[f"{name}, cost"] = [
            *(fmt.exact_money(side[kind].cost_usd) if kind in side else fmt.NONE
              for kind in kinds),
            total,
        ]  # fmt: skip
    grid(columns, names=["Kind"], key=f"costs-{key}", alt="Tokens and cost by kind of both")


def _spans(
    left: tuple[str, Sequence[figures.Step]], right: tuple[str, Sequence[figures.Step]], zone: str
) -> None:
    with st.container(border=True):
        st.subheader("One span of each", anchor=False)
        with st.grid(2, min_column_width=300):
            first = _span("First", left, "span", zone)
            second = _span("Second", right, "with_span", zone)
        if first is None or second is None:
            st.caption("A span is not in the store any more.")
            return
        _facts(first, second)
        _costs(figures.costs(first), figures.costs(second),
               (_total(first), _total(second)), key="span")  # fmt: skip
        _messages(first, second)


def _span(
    label: str, side: tuple[str, Sequence[figures.Step]], parameter: str, zone: str
) -> dict[str, Any] | None:
    trace_id, steps = side
    ids = [step.span_id for step in steps]
    chosen = first_to_show(steps, st.query_params.get(parameter, ""))
    named = {
        step.span_id: f"{place}. {fmt.one_line(step.name, 80)}, {fmt.duration(step.duration_ms)}"
        for place, step in enumerate(steps, 1)
    }
    picked = st.selectbox(
        f"{label} span",
        ids,
        index=ids.index(chosen),
        format_func=named.__getitem__,
        key=f"{parameter}-{trace_id}-{chosen}",
    )
    if picked != chosen:
        st.query_params[parameter] = picked
        st.rerun()
    return figures.span(trace_id, steps[ids.index(picked)], zone)


def _facts(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    texts = {
        "Model": "model", "Status": "status", "Error": "error_type", "Cache": "cache_status",
    }  # fmt: skip
    numbers: dict[str, tuple[str, Callable[[Any], str]]] = {
        "Latency": ("latency_ms", fmt.duration),
        "First chunk": ("ttfc_ms", fmt.duration),
        "Input tokens": ("input_tokens", fmt.count),
        "Output tokens": ("output_tokens", fmt.count),
    }
    _side_by_side(left, right, numbers, texts, key="facts", alt="Both spans in figures")


def _messages(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    talks = [figures.messages(side) for side in (left, right)]
    if not any(talk.input or talk.output or talk.instructions for talk in talks):
        st.caption("No content was captured for these spans.")
        return
    apart = figures.apart(left, right)
    if apart.is_same:
        st.badge("The messages are the same", icon=":material/check:", color="green")
    else:
        st.text("Messages: - is said in the first only, + in the second only.")
        lines = [fmt.plain(line, _LONGEST_LINE) for line in apart.lines[:_LINES]]
        st.code("\n".join(lines), language="diff", wrap_lines=True)
        if len(apart.lines) > _LINES:
            st.caption(f"The first {_LINES:,} of {len(apart.lines):,} lines are shown.")
    if not apart.is_whole:
        st.caption("The messages are too long to be compared whole; their beginnings are.")


def _open(trace_id: str, span_id: str) -> None:
    for name in ("with", "with_span", "span"):
        st.query_params.pop(name, None)
    st.query_params["trace"] = trace_id
    if span_id:
        st.query_params["span"] = span_id


def _swap() -> None:
    said = {name: st.query_params.get(name) for name in ("trace", "with", "span", "with_span")}
    for name, other in (("trace", "with"), ("with", "trace"), ("span", "with_span"),
                        ("with_span", "span")):  # fmt: skip
        st.query_params.pop(name, None)
        value = said[other]
        if value:
            st.query_params[name] = value
