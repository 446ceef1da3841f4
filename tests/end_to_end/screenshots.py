"""Take the pictures in docs/screenshots: ``python -m tests.end_to_end.screenshots [FOLDER]``.

From the repository's top; needs Chromium (LLMTRACE_CHROMIUM or on the PATH). Seeds a store of its
own, so that the pictures show no one's data. Add ``--phone`` for 420 px wide ones too.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.dashboards.alerting import look_back
from tests.dashboards.seeding import TRACE, busy_day, fill
from tests.dashboards.test_cost import nine_weeks
from tests.dashboards.test_savings import a_day
from tests.dashboards.test_sessions import SESSION, talk
from tests.end_to_end.browsing import browser, dashboard, watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from llmtrace.otlp.rows import SpanRow

TALK = b"\x0a" * 16

PAGES = {
    "overview": "/?range=24h",
    "cost": "/cost?range=30d",
    "reliability": "/reliability?range=24h",
    "usage": "/usage?range=24h",
    "cache": "/cache?range=24h",
    "budgets": "/budgets?budget=daily",
    "alerts": "/alerts?rule=errors",
    "traces": "/traces?range=24h",
    "savings": "/savings?range=24h&window=24+hours&finding=Cheaper+models",
    "sql": "/sql?q=from+llm_calls%0Alimit+20",
    "system": "/system",
    "trace": f"/traces?trace={TRACE.hex()}&span={4:016x}",
    "compare": f"/traces?trace={TRACE.hex()}&span={4:016x}&with={TALK.hex()}",
    "sessions": "/sessions?range=24h",
    "session": f"/sessions?session={quote(SESSION)}",
    "replay": f"/replay?call={4:016x}&as=gpt-5-mini&set=temperature%3D0",
    "what-if": "/what_if?models=openai/gpt-5-nano&models=anthropic/claude-haiku-4-5"
    "&models=google/gemini-2.5-flash&models=deepseek/deepseek-chat&models=openai/o3&share=60",
}
RULES = """\
version: 1
defaults: {every: 20m, delay: 0s, keep_firing_for: 20m, min_requests: 5}
budgets:
  - {id: daily, period: day, amount: 12}
  - {id: monthly, period: month, amount: 60}
  - {id: per-user, period: week, amount: 4, by: [user]}
receivers: {on-call: {type: log}}
rules:
  - {id: errors, title: Too many errors, severity: critical,
     when: {metric: error_rate, window: 2h, op: ">", value: 5%}, for: 20m}
  - {id: slow, title: Slow answers, severity: warning, by: [feature],
     when: {metric: latency_p95, window: 2h, op: ">", value: 2950ms}}
  - {id: daily-budget, severity: warning,
     when: {kind: budget, budget: daily, op: ">=", percent: 80}}
  - {id: per-user, severity: info, when: {kind: budget, budget: per-user, op: ">=", percent: 100}}
"""


def main(folder: Path, widths: dict[str, int]) -> None:
    """Save every page in both themes and all widths."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        now = datetime.now(UTC)
        fill(
            Path(home),
            [*busy_day(now), *a_day(now), *_talks(now), *nine_weeks(now - timedelta(days=3))],
        )
        look_back(Path(home), RULES, now, hours=12)
        with dashboard(Path(home)) as url, browser() as chromium:
            for name, path in PAGES.items():
                for scheme in ("light", "dark"):
                    for suffix, width in widths.items():
                        shown = watch(chromium, url, width=width, height=1_050, scheme=scheme)
                        shown.open(path)
                        shown.page.wait_for_selector("canvas, [data-testid=stMetricValue]")
                        # Charts draw after the script has run; this is a picture, not a test.
                        shown.page.wait_for_timeout(2_500)
                        _tall(shown.page, width)
                        shown.page.screenshot(path=folder / f"{name}-{scheme}{suffix}.png")
                        shown.page.context.close()


def _talks(now: datetime) -> list[SpanRow]:
    turns = talk(now - timedelta(minutes=20), 4)
    others = [
        each._replace(session_id=f"chat-{number}", user_id=("bob", "cyd")[number % 2])
        for number in range(1, 9)
        for each in talk(now - timedelta(minutes=40 * number), 1 + number * 3 % 5)
    ]
    return [turns[0]._replace(trace_id=TALK), *turns[1:], *others]


def _tall(page: Page, width: int) -> None:
    """Make the window as tall as the page's content, within reason: Streamlit scrolls inside."""
    height = page.evaluate(
        "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
    )
    page.set_viewport_size(
        {
            "width": width,
            "height": min(max(int(height) + 40, 700), 1_800 if width > 1_000 else 2_900),
        }
    )
    page.wait_for_timeout(1_000)


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    phone = {"-phone": 420} if "--phone" in sys.argv else {}
    main(Path(names[0]) if names else Path("docs/screenshots"), {"": 1440, **phone})
