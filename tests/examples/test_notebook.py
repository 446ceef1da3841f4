"""The notebook: no outputs, no paths, and every cell runs over a store with calls in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.dashboards.seeding import busy_day, fill

if TYPE_CHECKING:
    import pandas as pd
    import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "costs.ipynb"
CELLS: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_the_notebook_is_kept_without_outputs() -> None:
    kept = [cell for cell in CELLS if cell.get("outputs") or cell.get("execution_count")]

    assert kept == []


def test_every_cell_runs_and_the_figures_are_those_of_plain_sql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, busy_day(datetime.now(UTC)))
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    names: dict[str, Any] = {}

    for text in CODE[:-1]:
        exec(compile(text, str(NOTEBOOK), "exec"), names)  # noqa: S102  # our own notebook

    by_model: pd.DataFrame = names["by_model"]
    expected = names["db"].sql(
        "select model, sum(cost_usd) as cost from llm_calls group by model order by all"
    )
    found = by_model[["model", "cost"]].sort_values("model")
    assert found.to_dict("records") == expected.rows()
    assert names["by_user"]["cost"].sum() == by_model["cost"].dropna().sum()
    exec(CODE[-1], names)  # noqa: S102  # our own notebook
