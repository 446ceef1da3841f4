"""Notification → Slack message (Block Kit), a pure function within Slack's limits.

Limits as documented by Slack for Block Kit: header 150, section text 3000, 10 fields of 2000,
context 10 elements, URL 3000. Together the blocks may hold about 13 200 characters (undocumented;
``msg_blocks_too_long`` beyond); everything here adds up to less than 9 000.
Slack does not say in which unit it counts, so UTF-16 units are counted: the larger number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from llmtrace.alerts.message import plain

if TYPE_CHECKING:
    from llmtrace.alerts.message import Notification

HEADER_MAX: Final = 150
TEXT_MAX: Final = 500
DESCRIPTION_MAX: Final = 2_900
VALUE_MAX: Final = 200
FIELDS_MAX: Final = 10
URL_MAX: Final = 3_000

_COLORS: Final = {"critical": "#D92D20", "warning": "#DC6803", "info": "#175CD3"}
_RESOLVED_COLOR: Final = "#079455"
_ENDINGS: Final = {
    "period_over": "the period is over",
    "rule_removed": "the rule was removed",
    "no_data": "too few calls to tell",
}

_FILTERS: Final = frozenset({"environment", "feature", "model", "provider", "tenant", "user"})
"""Dimensions by which the dashboards filter."""

Block = dict[str, Any]


def slack_message(notification: Notification, *, dashboard_url: str | None = None) -> Block:
    """Return the JSON body of an incoming webhook's request.

    With ``dashboard_url``, buttons lead to the alert and to the traces of its window and labels.
    """
    is_firing = notification.kind == "firing"
    word = notification.severity.upper() if is_firing else "RESOLVED"
    color = _COLORS[notification.severity] if is_firing else _RESOLVED_COLOR
    title = plain(notification.title if is_firing else f"Resolved: {notification.title}")
    blocks: list[Block] = [
        {"type": "header", "text": plain_text(cut(title, HEADER_MAX))},
        {
            "type": "section",
            "text": mrkdwn(cut(escape(notification.summary), TEXT_MAX)),
        },
        {"type": "section", "fields": _fields(notification)[:FIELDS_MAX]},
    ]
    if notification.description and is_firing:
        text = cut(escape(notification.description), DESCRIPTION_MAX)
        blocks.append({"type": "section", "text": mrkdwn(text)})
    buttons = _buttons(notification, dashboard_url)
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    blocks.append({"type": "context", "elements": [mrkdwn(_context(notification))]})
    return {
        # Shown by notifications and read aloud by screen readers, which see no blocks.
        "text": cut(escape(f"[{word}] {notification.summary}"), TEXT_MAX),
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [{"color": color, "blocks": blocks}],
    }


def _fields(notification: Notification) -> list[Block]:
    is_firing = notification.kind == "firing"
    fields = [
        field("Value" if is_firing else "Last value", notification.value),
        field("Threshold", notification.threshold),
        field("Window", notification.window),
    ]
    if not is_firing:
        fields.append(field("Fired", f"{notification.fired_at:%Y-%m-%d %H:%M} UTC"))
        ending = _ENDINGS.get(notification.reason)
        if ending:
            fields.append(field("Because", ending))
    for name, value in (*notification.labels, *notification.details):
        fields.append(field(name.replace("_", " ").capitalize(), value, is_code=True))
    fields += [field(name, value, is_code=True) for name, value in notification.extra_labels]
    return fields


def field(name: str, value: str, *, is_code: bool = False) -> Block:
    """Return a name and its value, as code if it comes from spans."""
    told = cut(escape(value), VALUE_MAX)
    if is_code:
        # Within backticks nothing is bold, a link or a mention.
        told = f"`{told.replace('`', chr(39)) or ' '}`"
    return mrkdwn(f"*{cut(escape(name), VALUE_MAX)}*\n{told}")


def _context(notification: Notification) -> str:
    rule = cut(escape(notification.rule_id), VALUE_MAX)
    return f"rule `{rule}` · {notification.severity} · episode `{notification.episode}`"


def _buttons(notification: Notification, dashboard_url: str | None) -> list[Block]:
    buttons: list[Block] = []
    if dashboard_url:
        buttons.append(_button("Open alert", _alert_url(notification, dashboard_url)))
        buttons.append(_button("Open traces", _traces_url(notification, dashboard_url)))
    if notification.runbook and length(notification.runbook) <= URL_MAX:
        buttons.append(_button("Runbook", notification.runbook))
    return buttons


def _button(text: str, url: str) -> Block:
    return {"type": "button", "text": plain_text(text), "url": url}


def _alert_url(notification: Notification, dashboard_url: str) -> str:
    return f"{dashboard_url.rstrip('/')}/alerts?{urlencode({'alert': notification.episode})}"


def _traces_url(notification: Notification, dashboard_url: str) -> str:
    """Return the address of the traces, as the dashboards' filter bar reads it."""
    times = [
        ("range", "Custom"),
        ("from", f"{notification.window_start:%Y-%m-%dT%H:%M:%SZ}"),
        ("to", f"{notification.tick:%Y-%m-%dT%H:%M:%SZ}"),
    ]
    chosen = [(name, plain(text)) for name, text in notification.labels if name in _FILTERS]
    base = f"{dashboard_url.rstrip('/')}/traces?"
    full = base + urlencode([*times, *chosen])
    return full if length(full) <= URL_MAX else base + urlencode(times)


def plain_text(text: str) -> Block:
    """Return text that Slack shows as it is."""
    return {"type": "plain_text", "text": text or " ", "emoji": False}


def mrkdwn(text: str) -> Block:
    """Return escaped text with our own marks."""
    # verbatim: Slack makes no links and no mentions out of what a span says.
    return {"type": "mrkdwn", "text": text or " ", "verbatim": True}


def escape(text: str) -> str:
    """Make ``text`` safe for mrkdwn: no entities, no mentions, no hidden characters."""
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def length(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int) -> str:
    """Shorten escaped ``text`` to ``limit`` UTF-16 units with ``…``, never inside an entity."""
    if length(text) <= limit:
        return text
    kept = text[: limit - 1]
    while length(kept) > limit - 1:
        kept = kept[:-1]
    start = kept.rfind("&")
    # The longest entity is &amp;, five characters.
    if start > len(kept) - 5 and ";" not in kept[start:] and start >= 0:
        kept = kept[:start]
    return kept + "…"
