"""Opens the dashboards without a browser, as Streamlit's own test runner does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamlit.testing.v1 import AppTest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

APP = Path(__file__).resolve().parents[2] / "dashboards" / "app.py"


def open_page(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    view: str = "overview",
    query: Mapping[str, str | list[str]] | None = None,
) -> AppTest:
    """Run one page on the store of ``home``, with what the URL says."""
    monkeypatch.setenv("LLMTRACE_HOME", str(home))
    app = AppTest.from_file(APP, default_timeout=60)
    if view != "overview":
        app.switch_page(f"views/{view}.py")
    for name, value in (query or {}).items():
        app.query_params[name] = value
    app.run()
    return app


def metrics(app: AppTest) -> dict[str, str]:
    """Return the cards: label → value."""
    return {card.label: card.value for card in app.metric}


def texts(app: AppTest) -> str:
    """Return all plain text of a page."""
    return "\n".join(str(text.value) for text in app.text)


def column(app: AppTest, name: str) -> list[object]:
    """Return a column of the table that has it."""
    for table in app.dataframe:
        if name in table.value.columns:
            return table.value[name].tolist()
    raise AssertionError(f"no table has a column {name}")


def as_markdown(app: AppTest) -> str:
    """Return everything that a page renders as Markdown or HTML: where no span text may be."""
    rendered = [
        *(element.value for element in app.markdown),
        *(element.value for element in app.caption),
        *(element.value for element in app.title),
        *(element.value for element in app.subheader),
        *(element.value for element in app.info),
        *(element.value for element in app.error),
        *(element.value for element in app.warning),
        *(f"{card.label} {card.value} {card.delta}" for card in app.metric),
        *(tab.label for tab in app.tabs),
        *(button.label for button in app.button),
    ]
    return "\n".join(str(text) for text in rendered)
