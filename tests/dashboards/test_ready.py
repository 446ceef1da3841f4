"""All that pages are made of is there before somebody opens one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LOADED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from llmtrace.store import DATABASE_FILE, Writer
with Writer(Path({home!r}) / DATABASE_FILE):
    pass  # where no collector runs the pages' process has one, for which DuckDB loads pandas
from dashboards.ready import load
load()
before = set(sys.modules)
from streamlit.testing.v1 import AppTest
tested = set(sys.modules)
app = AppTest.from_file({app!r}, default_timeout=60)
app.run()
assert not app.exception, app.exception
print(*sorted(name for name in set(sys.modules) - tested if name.count(".") < 2))
"""


def test_a_first_page_imports_nothing_of_weight(tmp_path: Path) -> None:
    script = _LOADED.format(
        root=str(ROOT), app=str(ROOT / "dashboards" / "app.py"), home=str(tmp_path)
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"LLMTRACE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    later = done.stdout.split()
    heavy = [
        name
        for name in later
        if name.startswith(("dashboards.", "llmtrace."))
        or name in {"pandas", "pyarrow", "PIL", "duckdb", "altair", "numpy", "streamlit.emojis"}
    ]
    assert heavy == []


def test_the_scripts_are_not_run() -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    script += "from dashboards.ready import load; load()\n"
    script += "print([name for name in sys.modules if name.startswith('dashboards.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert "dashboards.components.cards" in done.stdout
    assert "dashboards.app" not in done.stdout
    assert "dashboards.views" not in done.stdout
