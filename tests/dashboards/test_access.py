"""A viewer of one tenant sees that tenant, on every page and by every question; and is audited."""

from __future__ import annotations

import ast
import inspect
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import pytest

from dashboards import access, asking, data, data_traces
from dashboards.access import NotAllowedError, NotSignedInError, Viewer, acting_as
from dashboards.address import Choice
from dashboards.asking import whole_store
from llmtrace.clock import SystemClock
from llmtrace.errors import LlmtraceError
from llmtrace.store import DATABASE_FILE, Writer, open_store
from tests.architecture.sources import REPOSITORY
from tests.dashboards.opening import APP, as_markdown, open_page, texts
from tests.dashboards.seeding import fill
from tests.store.calls import call, failed, minutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from streamlit.testing.v1 import AppTest

    from llmtrace.otlp.rows import SpanRow

NOW: Final = datetime(2026, 11, 18, 15, 30, 5, tzinfo=UTC)
CANARY: Final = "canary"
"""In every text of the tenant that nobody here may see."""
THEIRS: Final = b"\x0c" * 16
OURS: Final = b"\x0a" * 16
ANN: Final = Viewer(name="ann@example.com", tenants=frozenset({"acme"}))
DATA: Final = sorted(path.stem for path in (REPOSITORY / "dashboards").glob("data*.py"))
OF_ALL: Final = {"data_alerts", "data_budgets", "data_sql", "data_system"}
"""What the pages of all tenants show."""
VIEWS: Final = sorted((REPOSITORY / "dashboards" / "views").glob("[!_]*.py"))


def shop(tenant: str, mark: str, trace_id: bytes) -> list[SpanRow]:
    """Return two days of calls of a tenant, each of whose texts has ``mark`` in it."""
    rows: list[SpanRow] = []
    for number in range(24):
        told = json.dumps({"model": "m", "messages": [
            {"role": "system", "content": f"{mark} {number % 3}"},
            {"role": "user", "content": f"{mark} {number}"}]})  # fmt: skip
        common: dict[str, Any] = {
            "tenant": tenant, "user_id": f"{mark} user {number % 4}", "feature": f"{mark} feature",
            "session_id": f"{mark} session {number % 5}", "request_model": f"{mark} model",
            "environment": f"{mark} environment", "tags": {f"{mark} key": f"{mark} value"},
            "name": f"{mark} call", "provider": f"{mark} provider", "api": "openai.chat",
            "request_body": told, "service": f"{mark} service", "finish_reasons": [f"{mark} end"],
            "cache_status": ("hit", "miss")[number % 2], "cost_input_usd": Decimal("0.002"),
            "cost_usd": Decimal("0.01") * (number % 5) if number % 6 else None,
            "latency_ms": 400 + 10 * number, "retry_count": number % 3,
        }  # fmt: skip
        at = NOW - minutes(1 + number * 67)
        if number == 0:
            common["trace_id"], common["span_id"] = trace_id, 1
        rows.append(call(at, **common))
        if number % 7 == 0:
            rows.append(failed(at, **{**common, "trace_id": trace_id, "span_id": 2 + number},
                               error_type=f"{mark}Error", status_message=mark))  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Give the home of two tenants, and one of nothing but the calls of one."""
    both, alone = tmp_path_factory.mktemp("both"), tmp_path_factory.mktemp("alone")
    ours = shop("acme", "ours", OURS)
    fill(both, [*ours, *shop("globex", CANARY, THEIRS), call(NOW - minutes(2), name=CANARY)])
    fill(alone, ours)
    with (
        pytest.MonkeyPatch.context() as patch,
        Writer(both / DATABASE_FILE) as one,
        Writer(alone / DATABASE_FILE) as other,
    ):
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        # Open all the time: to open a file for each of a thousand questions takes a minute.
        stores = {str(both): one, str(alone): other}
        opened_each_time = asking._whole
        patch.setattr(
            asking, "_whole", lambda folder: stores.get(folder) or opened_each_time(folder)
        )
        yield both, alone


# --- every question ----------------------------------------------------------------------------


def given(name: str, annotation: str) -> Any:
    """Return an argument for a parameter of a data function; None if it is not of these."""
    values: dict[str, Callable[[], Any]] = {
        "View": lambda: data.view(Choice(), "UTC"),
        "Step": lambda: data_traces.Step(
            span_id=f"{1:016x}", started=(NOW - minutes(1)).replace(tzinfo=None), name="theirs",
            depth=0, start_ms=0.0, duration_ms=1.0, kind="LLM call", is_call=True, cost=None,
        ),
        "TraceSearch": lambda: data_traces.TraceSearch(scope=given("", "View").scope),
        "by": lambda: "tenant", "dimension": lambda: "user", "zone": lambda: "UTC",
        "trace_id": THEIRS.hex, "span_id": lambda: f"{1:016x}", "kind": lambda: "latency",
        "which": lambda: "latest", "filters": dict, "window": lambda: "24h",
    }  # fmt: skip
    found = values.get(annotation) or values.get(name)
    return None if found is None else found()


def questions(module: ModuleType) -> dict[str, Callable[[], Any]]:
    """Return each public function that takes what a page shows, ready to be called."""
    found: dict[str, Callable[[], Any]] = {}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        needed = {
            parameter.name: given(parameter.name, str(parameter.annotation))
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
        }
        is_ours = function.__module__.startswith(("dashboards.data", "dashboards.viewing"))
        if is_ours and not name.startswith("_") and None not in needed.values():
            found[name] = lambda function=function, needed=needed: function(**needed)
    return found


def answer(question: Callable[[], Any]) -> Any:
    """Return what a question gives, or that it is refused."""
    try:
        return question()
    except LlmtraceError as error:
        return f"refused: {type(error).__name__}"


@pytest.mark.parametrize("name", DATA)
def test_every_figure_is_of_the_viewers_tenants_alone(
    name: str, homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    both, alone = homes
    asked = questions(import_module(f"dashboards.{name}"))

    for each, question in asked.items():
        monkeypatch.setenv("LLMTRACE_HOME", str(both))
        if name == "data":  # what was kept for others is not shown to her
            with acting_as(Viewer(name="all")):
                answer(question)
        with acting_as(ANN):
            seen = answer(question)
        assert CANARY not in repr(seen), each
        if name in OF_ALL:
            continue
        monkeypatch.setenv("LLMTRACE_HOME", str(alone))
        with acting_as(Viewer(name="all")):
            expected = answer(question)
        assert "refused" not in repr(seen), each
        assert repr(seen) == repr(expected), each


def test_who_sees_all_is_told_what_the_walk_looks_for(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(homes[0]))
    asked = questions(data_traces)

    with acting_as(Viewer(name="all")):
        for each in ("trace", "span"):
            assert CANARY in repr(answer(asked[each])), each


def test_the_walk_asks_what_the_pages_show(homes: tuple[Path, Path]) -> None:
    asked = {name: set(questions(import_module(f"dashboards.{name}"))) for name in DATA}

    assert {"figures", "spenders", "errors", "known_values"} <= asked["data"]
    assert {"trace", "span"} <= asked["data_traces"]
    assert {"lines", "distribution", "export"} <= asked["data_cost"]
    assert {"breaks", "by_value"} <= asked["data_cache"]
    assert {"behind", "by_value"} <= asked["data_reliability"]


def test_a_viewer_of_all_sees_all_and_may_have_the_whole_store(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(homes[0]))
    with acting_as(Viewer(name="all")):
        assert set(data.known_values("tenant")) == {"acme", "globex"}
        assert whole_store().sql("select count(*) as n from audit").num_rows == 1
    with acting_as(ANN):
        assert data.known_values("tenant") == ["acme"]
        assert data_traces.trace(THEIRS.hex(), "UTC") is None
        assert data_traces.trace(OURS.hex(), "UTC") is not None
        with pytest.raises(NotAllowedError, match="all tenants together"):
            whole_store()


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_a_page_of_all_tenants_is_hidden_and_refuses(path: Path) -> None:
    refuses = re.search(r"^\s+(\w+\.)?require_all_tenants\(\)$", path.read_text(), re.MULTILINE)

    assert bool(refuses) == (path.stem in hidden_pages())


# --- pages -------------------------------------------------------------------------------------


def opened(
    home: Path, patch: pytest.MonkeyPatch, claims: dict[str, Any], view: str = "overview",
    **query: str,
) -> AppTest:  # fmt: skip
    """Open a page in mode ``oidc`` as whom the provider named."""
    patch.setenv("LLMTRACE_DASHBOARD_SIGN_IN", "oidc")
    patch.setattr(access, "_claims", lambda: claims)
    patch.setattr(SystemClock, "now", lambda _self: NOW)
    return open_page(home, patch, view, query)


def claims_of(tenants: object, *, age: timedelta = timedelta(hours=1)) -> dict[str, Any]:
    return {
        "is_logged_in": True, "email": "ann@example.com", "email_verified": True, "sub": "7",
        "iss": "https://id.example", "iat": (NOW - age).timestamp(), "tenants": tenants,
    }  # fmt: skip


def everything(app: AppTest) -> str:
    """Return all that a page sent to the browser."""
    return "\n".join(str(element.proto) for element in app.main) + texts(app) + as_markdown(app)


def hidden_pages() -> set[str]:
    """Return the pages that are not in the menu of who sees some tenants only."""
    (listed,) = re.findall(r"_OF_ALL_TENANTS: Final = frozenset\(([^)]*)\)", APP.read_text())
    return ast.literal_eval(listed)


def mixed_pages() -> list[str]:
    """Return the pages for everybody that show something of all tenants too."""
    for_all = [path for path in VIEWS if path.stem not in hidden_pages()]
    return [path.stem for path in for_all if re.search("|".join(OF_ALL), path.read_text())]


@pytest.mark.parametrize("view", ["overview", *mixed_pages()])
def test_a_page_shows_a_scoped_viewer_their_own(
    view: str, homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(homes[0], monkeypatch, claims_of(["acme"]), view)

    assert not app.exception
    shown = everything(app)
    assert "ours" in shown
    assert CANARY not in shown
    assert "all tenants together" not in shown
    assert [text.value for text in app.sidebar.text] == ["ann@example.com", "Only acme"]


def test_a_page_of_all_tenants_is_not_there_for_a_scoped_viewer(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(homes[0], monkeypatch, claims_of(["acme"]), "sql")

    assert [title.value for title in app.title] == ["Overview"]
    assert CANARY not in everything(app)


def test_a_link_to_a_trace_of_others_finds_nothing(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(
        homes[0], monkeypatch, claims_of("acme"), "traces", trace=THEIRS.hex(), span=f"{1:016x}"
    )

    assert not app.exception
    assert "This trace is not in the store" in as_markdown(app)
    assert CANARY not in everything(app)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({}, "These dashboards are for people who sign in."),
        (claims_of(["acme"], age=timedelta(hours=12)), "These dashboards are for people"),
        ({**claims_of(["acme"]), "iat": None}, "These dashboards are for people"),
        (claims_of([]), "your provider names no tenant for you (claim tenants)"),
    ],
)
def test_who_may_see_nothing_sees_nothing(
    homes: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    claims: dict[str, Any],
    said: str,
) -> None:
    app = opened(homes[0], monkeypatch, claims)

    assert not app.exception
    assert said in texts(app)
    assert not app.metric
    assert "ours" not in everything(app)


def test_without_the_front_door_a_token_lets_nobody_in(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_DASHBOARD_SIGN_IN", "token")

    app = open_page(homes[0], monkeypatch)

    assert "Your session has ended" in texts(app)
    assert not app.metric


def test_a_session_that_ends_ends_what_is_open() -> None:
    over = Viewer(name="ann", until=NOW - timedelta(seconds=1))
    with acting_as(over), pytest.raises(NotSignedInError, match="reload the page"):
        access.viewer()


# --- the audit ---------------------------------------------------------------------------------


def audit_of(home: Path) -> list[dict[str, Any]]:
    rows = open_store(home).sql("from audit order by recorded_at, operation").to_pylist()
    return [
        {**row, "arguments": json.loads(row["arguments"]), "outcome": json.loads(row["outcome"])}
        for row in rows
    ]


def test_what_is_done_is_recorded_with_who_and_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)
    query = "select * from llm_calls where user_id = 'canary' limit 10"

    with acting_as(ANN):
        with access.audited("sql", {"query": query}) as outcome:
            outcome["rows"] = 7
        with pytest.raises(ValueError, match=CANARY), access.audited("replay", {"usd": Decimal(1)}):
            raise ValueError(CANARY)

    replayed, asked = audit_of(tmp_path)
    assert asked["actor"] == replayed["actor"] == "ann@example.com"
    assert asked["recorded_at"] == NOW.replace(tzinfo=None)
    assert asked["arguments"] == {"query": "select * from llm_calls where user_id = ? limit ?"}
    assert asked["outcome"] == {"rows": 7}
    assert len(asked["subject"]) == 64
    assert (replayed["operation"], replayed["arguments"]) == ("replay", {"usd": "1"})
    assert replayed["outcome"] == {"error": "ValueError"}
    assert CANARY not in str([replayed, asked])


def test_a_download_is_made_in_another_thread_as_its_viewer_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [call(tenant=tenant) for tenant in ("acme", CANARY)])
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)
    made: list[bytes] = []
    with acting_as(ANN):
        make = access.exported(
            {"page": "cost"}, lambda: ",".join(data.known_values("tenant")).encode()
        )  # fmt: skip

    thread = threading.Thread(target=lambda: made.append(make()))
    thread.start()
    thread.join()

    assert made == [b"acme"]
    (row,) = audit_of(tmp_path)
    assert (row["actor"], row["operation"]) == ("ann@example.com", "export")
    assert row["outcome"] == {"bytes": 4}


def test_what_cannot_be_audited_is_not_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path / "file"))
    with acting_as(ANN):
        make = access.exported({"page": "cost"}, lambda: b"figures")

    with pytest.raises(LlmtraceError):
        make()
