"""Take the pictures in docs/screenshots: ``python -m tests.end_to_end.screenshots [PAGE]...``.

From the repository's top; needs Chromium (LLMTRACE_CHROMIUM or on the PATH). Seeds a store of its
own, so that the pictures show no one's data. Without names it takes every page.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from llmtrace.store import DATABASE_FILE, Writer
from tests.dashboards.seeding import TRACE, fill
from tests.dashboards.test_sessions import SESSION, talk
from tests.end_to_end.browsing import browser, dashboard, watch
from tests.end_to_end.rich_store import fill_richly

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Page

    from llmtrace.otlp.rows import SpanRow

TALK = b"\x0a" * 16

SQL = """\
select model, feature, count(*) as calls, sum(cost_usd) as cost_usd
from llm_calls
group by all
order by cost_usd desc nulls last
"""

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
    "sql": "/sql?q=" + quote(SQL),
    "system": "/system",
    "trace": f"/traces?trace={TRACE.hex()}&span={4:016x}",
    "compare": f"/traces?trace={TRACE.hex()}&span={4:016x}&with={TALK.hex()}",
    "sessions": "/sessions?range=24h",
    "session": f"/sessions?session={quote(SESSION)}",
    "replay": f"/replay?call={4:016x}&as=gpt-5-mini&set=temperature%3D0",
    "what-if": "/what_if?models=openai/gpt-5-nano&models=anthropic/claude-haiku-4-5"
    "&models=google/gemini-2.5-flash&models=deepseek/deepseek-chat&models=openai/o3&share=60",
}
# Those of which there is one as wide as a phone, too.
ON_PHONES = ("overview", "cost", "alerts", "traces")


def main(folder: Path, names: list[str]) -> None:
    """Save these pages in both themes."""
    folder.mkdir(parents=True, exist_ok=True)
    with _home() as home:
        now = datetime.now(UTC)
        fill_richly(home, now, hours=12, hostile=False)
        fill(home, _talks(now))
        _arrived_at_once(home)
        with dashboard(home) as url, browser() as chromium:
            for name in names:
                for scheme in ("light", "dark"):
                    for suffix, width in {"": 1440, "-phone": 420}.items():
                        if width > 1_000 or name in ON_PHONES:
                            shown = watch(chromium, url, width=width, height=1_050, scheme=scheme)
                            shown.open(PAGES[name])
                            if name == "sql":  # a link runs nothing by itself
                                shown.page.get_by_role("button", name="Run").click()
                            _take(shown.page, width, folder / f"{name}-{scheme}{suffix}.png")


@contextmanager
def _home() -> Generator[Path]:
    """Give a folder whose path, which System shows, says nothing of this machine."""
    home = Path(tempfile.gettempdir(), "llmtrace")
    home.mkdir(mode=0o700)
    try:
        yield home
    finally:
        shutil.rmtree(home)


def _arrived_at_once(home: Path) -> None:
    """Say of each span that it was stored when it ended, not when this program wrote it."""
    with Writer(home / DATABASE_FILE) as writer:
        writer.transaction(
            lambda transaction: transaction.execute(
                "update spans set ingested_at = end_time + interval 340 milliseconds"
            )
        )


def _take(page: Page, width: int, file: Path) -> None:
    page.wait_for_selector("canvas, .stCode, [data-testid=stMetricValue]")
    # Charts draw after the script has run; this is a picture, not a test.
    page.wait_for_timeout(2_000)
    _tall(page, width)
    page.screenshot(path=file)
    page.context.close()


def _talks(now: datetime) -> list[SpanRow]:
    # Of theirs one has no price, which for such a model looks like a mistake.
    turns = [
        each._replace(cost_usd=each.cost_usd or Decimal("0.003"))
        for each in talk(now - timedelta(minutes=20), 4)
    ]
    others = [
        each._replace(
            session_id=f"chat-{number}",
            user_id=("bob", "cyd")[number % 2],
            cost_usd=each.cost_usd or Decimal("0.003"),
        )
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
            "height": min(max(int(height) + 40, 700), 2_200 if width > 1_000 else 2_900),
        }
    )
    page.wait_for_timeout(1_000)


if __name__ == "__main__":
    main(Path("docs/screenshots"), sys.argv[1:] or list(PAGES))
