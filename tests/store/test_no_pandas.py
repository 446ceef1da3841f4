"""A process that keeps pandas and numpy out stores and answers as any other does."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from llmtrace.store.no_pandas import keep_numpy_out
keep_numpy_out()
from llmtrace.otlp.rows import SpanRow
from llmtrace.store import Writer
row = SpanRow(trace_id=b"t" * 16, span_id=1, start_time_us=5, end_time_us=9, duration_ns=4_000,
              name="chat", cost_usd=Decimal("0.5"), is_inference=True, tags={"a": "b"})
with Writer(Path(sys.argv[1]) / "x.duckdb") as writer:
    assert writer.insert([row]).stored == 1
    found = writer.sql("select name, cost_usd from spans where start_time < ? and cost_usd = ?",
                       [datetime(2026, 1, 1), Decimal("0.5")]).to_pylist()
assert found == [{"name": "chat", "cost_usd": Decimal("0.5")}], found
assert not {"pandas", "numpy"} & set(sys.modules)
try:
    import pandas
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize("kept_out", ["pandas", "numpy"])
def test_a_process_without_stores_and_answers(tmp_path: Path, kept_out: str) -> None:
    script = SCRIPT.replace("import pandas", f"import {kept_out}")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"this process does without {kept_out}\n"


ARROW = """
import sys
from llmtrace.store.no_pandas import keep_pandas_from_arrow
keep_pandas_from_arrow()
import pyarrow as pa
table = pa.table({"a": [1, 2]})
assert "pandas" not in sys.modules
frame = table.to_pandas()
assert pa.array(frame["a"]).equals(table["a"].chunk(0))
import pandas
print(frame["a"].sum())
"""


def test_arrow_finds_pandas_where_it_cannot_do_without() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ARROW], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
