"""The trace page's pieces: waterfall, messages, attributes, cost by kind of token, raw bodies.

What is long is cut, how much there is said, and the rest shown by a click.

Everything a span holds is untrusted: ``st.text``, ``st.code`` and text columns only.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboards import data_traces as data
from dashboards.components import format as fmt
from dashboards.components.arrow import show_chart, show_table
from dashboards.components.charts import MAX_STEPS, waterfall
from dashboards.components.long_text import long_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST_TEXT: Final = 20_000
_LONGEST_BODY: Final = 100_000
_MESSAGES: Final = 40
"""Messages shown at first, the last ones."""
_BODIES: Final = {
    "request_body": "Request",
    "response_body": "Response",
    "usage_raw": "Usage as the provider told it",
    "input_messages": "Input messages",
    "output_messages": "Output messages",
}
_ROLES: Final = {
    "user": "User",
    "assistant": "Assistant",
    "system": "Instructions",
    "tool": "Tool",
}
_AVATARS: Final = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/settings:",
    "tool": ":material/build:",
}


def waterfall_chart(steps: Sequence[data.Step], chosen: str) -> str:
    """Show the spans in time and return the id of the one that is picked, or ``chosen``."""
    theme = "dark" if st.context.theme.type == "dark" else "light"
    clean = [replace(step, name=fmt.one_line(step.name, 80)) for step in steps]
    ids = [step.span_id for step in clean]
    part = _part_of(ids, chosen)
    event = show_chart(
        waterfall(clean[part * MAX_STEPS : (part + 1) * MAX_STEPS], theme=theme),
        key=f"waterfall-{chosen}-{part}",
        on_select="rerun",
        alt=f"Waterfall of {fmt.plural(len(steps), 'span')}",
    )
    named = {
        step.span_id: f"{position}. {step.name}, {fmt.duration(step.duration_ms)}"
        for position, step in enumerate(clean, 1)
    }
    listed = st.selectbox(
        "Span",
        ids,
        index=ids.index(chosen),
        format_func=named.__getitem__,
        key=f"span-{chosen}",
    )
    clicked: Any = event.selection.get("span") if event else None
    if clicked and clicked[0].get("span_id") in named:
        return clicked[0]["span_id"]
    return listed


def _part_of(ids: Sequence[str], chosen: str) -> int:
    """Let the viewer leaf through the spans of a long trace; at first the chosen one is there."""
    parts = -(-len(ids) // MAX_STEPS)
    if parts < 2:
        return 0
    with st.container(horizontal=True, vertical_alignment="center"):
        part = st.pagination(
            parts, default=ids.index(chosen) // MAX_STEPS + 1, key=f"part-{chosen}"
        ) - 1  # fmt: skip
        last = min((part + 1) * MAX_STEPS, len(ids))
        st.caption(f"Spans {part * MAX_STEPS + 1:,} to {last:,} of {len(ids):,}")
    return part


def span_tabs(trace_id: str, step: data.Step, zone: str) -> None:
    """Show one span: messages, attributes, cost, raw."""
    detail = data.span(trace_id, step, zone)
    if detail is None:
        st.info("This span is not in the store any more.")
        return
    if detail["is_inference"] and st.button(
        "Replay", icon=":material/replay:", help="Send this call again and compare the answers"
    ):
        st.switch_page("views/replay.py", query_params={"call": step.span_id})
    messages, attributes, cost, raw = st.tabs(["Messages", "Attributes", "Cost", "Raw"])
    with messages:
        _messages(detail)
    with attributes:
        _attributes(detail)
    with cost:
        _cost(detail)
    with raw:
        _raw(detail)


def _messages(detail: Mapping[str, Any]) -> None:
    if detail["status"] == "error":
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.badge("Failed", icon=":material/error:", color="red")
            http = f"HTTP {detail['http_status']}" if detail["http_status"] else None
            parts = [http, detail["error_type"], detail["status_message"]]
            st.text(fmt.plain(" · ".join(str(part) for part in parts if part), 2_000))
    talk = data.messages(detail)
    if not (talk.input or talk.output or talk.instructions):
        st.caption("No content was captured for this span.")
        return
    if talk.instructions:
        message("system", talk.instructions, key=f"message-{detail['span_id']}-0")
    said = list(enumerate((*talk.input, *talk.output), 1))
    opened = f"messages-{detail['span_id']}"
    left_out = 0 if st.session_state.get(opened) else max(len(said) - _MESSAGES, 0)
    if left_out:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"The last {_MESSAGES} of {len(said):,} messages are shown.")
            if st.button("Show all messages", type="tertiary"):
                st.session_state[opened] = True
                st.rerun()
    for position, each in said[left_out:]:
        message(each.role, each.parts, key=f"message-{detail['span_id']}-{position}")
    if talk.tools:
        names = [fmt.one_line(tool.get("name") or tool.get("type"), 60) for tool in talk.tools]
        st.text(fmt.plain(f"Tools offered: {', '.join(names)}", 4_000))


def message(role: str, parts: Sequence[Mapping[str, object]], *, key: str) -> None:
    """Show one message of a conversation; ``key`` begins with ``message``, for its style."""
    known = role if role in _AVATARS else "user"
    with st.container(key=key), st.chat_message(known, avatar=_AVATARS[known]):
        st.caption(_ROLES.get(role, "Message"))
        for place, part in enumerate(parts):
            _part(part, f"{key}-{place}")


def _part(part: Mapping[str, object], key: str) -> None:
    kind = part.get("type")
    content = part.get("content")
    if kind == "text":
        long_text(content or "", _LONGEST_TEXT, key=key)
    elif kind == "reasoning":
        st.badge("Reasoning", color="gray")
        long_text(content or "", _LONGEST_TEXT, key=key)
    elif kind == "tool_call":
        st.badge("Tool call", icon=":material/build:", color="violet")
        _json({"name": part.get("name"), "arguments": part.get("arguments")}, key)
    elif kind == "tool_call_response":
        st.badge("Tool result", icon=":material/build:", color="violet")
        answer = part.get("response", part.get("result"))
        if isinstance(answer, str):
            long_text(answer, _LONGEST_TEXT, key=key)
        else:
            _json(answer, key)
    else:
        st.badge("Part", color="gray")
        _json(dict(part), key)


def _json(value: object, key: str) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    long_text(text, _LONGEST_TEXT, key=key, is_code=True, language="json")


def _attributes(detail: Mapping[str, Any]) -> None:
    names = [name for name in detail if name not in _BODIES and name not in _APART]
    pairs = [(name, detail[name]) for name in names if detail[name] not in (None, [], {})]
    for prefix, group in (("tag.", "tags"), ("", "attributes"), ("resource.", "resource")):
        found: dict[str, object] = detail[group] or {}
        pairs.extend((prefix + key, value) for key, value in found.items())
    show_table(
        {
            "Attribute": [fmt.one_line(name, 100) for name, _ in pairs],
            "Value": [fmt.one_line(value, 1_000) for _, value in pairs],
        },
        height="content",
        row_height=34,
        column_config={"Value": st.column_config.TextColumn(width="large")},
        alt="Attributes of the span",
    )


_APART: Final = frozenset(
    {"tags", "attributes", "resource", "when", "ingested_at", "is_inference"}
    | {"system_instructions", "tool_definitions"}
)


def _cost(detail: Mapping[str, Any]) -> None:
    lines = data.costs(detail)
    if not lines and detail["cost_usd"] is None:
        st.caption("No tokens were reported for this span.")
        return
    kinds = [line.kind for line in lines]
    show_table(
        {
            "Kind": [*kinds, "Total"],
            "Tokens": [*(fmt.count(line.tokens) for line in lines), fmt.NONE],
            "Cost": [
                *(fmt.exact_money(line.cost_usd) if detail["cost_usd"] is not None
                  else fmt.UNPRICED for line in lines),
                fmt.exact_money(detail["cost_usd"]),
            ],
        },
        height="content",
        row_height=34,
        column_config={
            name: st.column_config.TextColumn(alignment="right") for name in ("Tokens", "Cost")
        },
        width=560,
        alt="Tokens and cost by kind",
    )  # fmt: skip
    source = fmt.one_line(detail["cost_source"] or "unpriced", 40)
    version = detail["price_version"]
    by = f", by {fmt.one_line(version, 80)}" if version else ""
    st.text(f"Price: {source}{by}. Tokens: {fmt.one_line(detail['usage_source'], 40)}.")
    if detail["usage_anomaly"]:
        st.text(f"The provider's numbers do not add up: {fmt.plain(detail['usage_anomaly'])}")


def _raw(detail: Mapping[str, Any]) -> None:
    shown = False
    for name, label in _BODIES.items():
        body = detail[name]
        if not body:
            continue
        shown = True
        st.text(label)
        key = f"{name}-{detail['span_id']}"
        long_text(_pretty(body), _LONGEST_BODY, key=key, is_code=True, language="json")
    if detail["redacted"]:
        st.text(f"Taken out before storing: {fmt.one_line(detail['redacted'])}")
    if detail["truncated"]:
        st.text(f"Shortened: {fmt.one_line(detail['truncated'])}")
    if not shown:
        st.caption("No body was captured for this span.")


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
