"""Alerts: what the engine did is what the page says; a rule against its threshold; ways onwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import data_alert, data_alerts
from dashboards.alert_bands import bands_of
from dashboards.components import alert_charts as charts
from dashboards.components import format as fmt
from llmtrace.alerts.backtest import backtest
from llmtrace.alerts.record import book_of
from llmtrace.clock import SystemClock
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.alert_state import AlertStateStore, list_alerts, list_history
from llmtrace.store.queries import alert_rules
from tests.dashboards.alerting import HOSTILE_USER, NOW, held_open, run_engine
from tests.dashboards.opening import as_markdown, metrics, open_page, texts
from tests.store.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamlit.testing.v1 import AppTest

    from llmtrace.store.alert_rows import AlertRow

DAY = [NOW + timedelta(seconds=5) - timedelta(days=1), NOW + timedelta(seconds=5)]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _self: NOW)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """Let the engine run for three hours."""
    folder = tmp_path_factory.mktemp("alerts")
    run_engine(folder)
    with held_open(folder) as writer:
        yield writer


@pytest.fixture(scope="module")
def home(store: Writer) -> Path:
    return Path(store.where.removeprefix("file ")).parent


@pytest.fixture(scope="module")
def busy(home: Path) -> Iterator[AppTest]:
    """Open the page once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: NOW)
        app = open_page(home, patch, "alerts", query={"rule": "error-rate"})
        assert not app.exception
        yield app


def plain(store: Writer, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
    return store.sql(sql, parameters).to_pylist()


def table(app: AppTest, name: str) -> list[dict[str, Any]]:
    for each in app.dataframe:
        if name in each.value.columns:
            return [
                {str(key): value for key, value in row.items()}
                for row in each.value.to_dict("records")
            ]
    raise AssertionError(f"no table has a column {name}")


def alert_of(store: Writer, rule: str) -> AlertRow:
    return next(row for row in list_alerts(store) if row.rule_id == rule)


def test_every_card_is_plain_sql(busy: AppTest, store: Writer) -> None:
    (row,) = plain(
        store,
        """select
            (select count(*) from alert_instances where state = 'firing') as firing,
            (select count(*) from alert_instances where state = 'pending') as pending,
            (select count(*) from alert_history where kind = 'firing' and tick >= $1) as fired,
            (select count(*) from alert_outbox where status in ('waiting', 'dead', 'unconfigured')
                and created_at >= $1) as unsent""",
        DAY[:1],
    )

    assert row["firing"] > 1
    assert row["unsent"] > 1
    assert metrics(busy) == {
        "Firing now": str(row["firing"]),
        "Pending now": str(row["pending"]),
        "Fired in range": str(row["fired"]),
        "Messages not delivered": str(row["unsent"]),
    }


def test_what_fires_what_changed_and_who_was_told_are_the_stored_rows(
    busy: AppTest, store: Writer
) -> None:
    firing = plain(store, "select summary from alert_instances order by summary", [])
    changes = plain(store, "select summary, kind, tick from alert_history "
                    "order by tick desc, recorded_at desc", [])  # fmt: skip
    messages = plain(store, "select receiver, attempts, created_at from alert_outbox "
                     "order by created_at desc, delivery_id", [])  # fmt: skip

    assert sorted(row["What"] for row in table(busy, "Last looked at")) == [
        fmt.one_line(row["summary"], 160) for row in firing
    ]
    assert [(row["Time"], row["Change"], row["What"]) for row in table(busy, "Change")] == [
        (f"{row['tick']:%d %b %H:%M:%S}", row["kind"].capitalize(),
         fmt.one_line(row["summary"], 160))
        for row in changes
    ]  # fmt: skip
    assert [(row["Made"], row["Receiver"], row["Attempts"]) for row in table(busy, "Receiver")] == [
        (f"{row['created_at']:%d %b %H:%M:%S}", row["receiver"], str(row["attempts"]))
        for row in messages
    ]


def test_the_page_says_the_rule_and_what_a_backtest_finds(busy: AppTest, store: Writer) -> None:
    (record,) = alert_rules(store).to_pylist()
    rule = book_of(record["document"]).rules[0]
    start, end = (moment.replace(second=0) for moment in DAY)
    found = backtest(store, rule, start, end)

    assert len(found.firings) == 1
    assert "Too many errors: fires when error rate > 20 % over 20 min, for 20 min" in texts(busy)
    assert "Runbook: https://example.com/runbook" in texts(busy)
    assert "It would have fired 1 time in this range (red)" in as_markdown(busy)


def test_hostile_text_is_never_rendered_and_no_secret_is_shown(busy: AppTest) -> None:
    assert HOSTILE_USER not in as_markdown(busy)
    everything = as_markdown(busy) + texts(busy) + str([each.value for each in busy.dataframe])
    assert "\u202e" not in everything
    assert "SECRETWORD" not in everything
    assert "LLMTRACE_TEST_NO_SLACK" not in everything


def test_a_link_chooses_an_alert_and_its_button_opens_its_calls(
    store: Writer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = alert_of(store, "per-user-budget")

    app = open_page(home, monkeypatch, "alerts", query={"alert": budget.episode})
    app.button(key="views/cost.py").click().run()

    assert not app.exception
    assert app.title[0].value == "Cost"
    # A week's budget: since its Monday began in Berlin, and the user whose it is.
    assert {name: "".join(value) for name, value in app.query_params.items()} == {
        "range": "Custom", "from": "2026-11-15T23:00:00Z", "to": "2026-11-18T15:30:10Z",
        "user": "ann",
    }  # fmt: skip
    assert "User: ann" in texts(app)
    assert table(app, "Per 1k tokens")[0]["Requests"] == "56"


def test_a_resolved_alert_says_when_it_was_and_who_was_told(
    store: Writer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = next(row.episode for row in list_history(store, limit=99)
                   if row.kind == "resolved")  # fmt: skip

    app = open_page(home, monkeypatch, "alerts", query={"alert": episode})

    assert not app.exception
    said = texts(app)
    assert "Last value 0 %, threshold 20 %  ·  provider anthropic" in said
    assert "since 18 Nov 12:40:00  ·  fired 18 Nov 13:00:00  ·  over 18 Nov 14:20:00" in said
    assert "firing message to audit: sent" in said
    assert "resolved message to slack: unconfigured" in said
    assert ":green-badge[:material/check: Resolved]" in as_markdown(app)


@pytest.mark.parametrize("named", ["0123456789abcdef-1", "<b>x</b>", "'; drop table spans"])
def test_an_alert_that_is_not_known_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(home))

    assert data_alert.chosen(named, None) is None


def test_rules_nobody_evaluates_any_more_are_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_HOME", str(home))
    found = data_alerts.rules()

    assert found is not None
    tick = NOW.replace(minute=20, second=0)
    assert found.evaluated_at == tick
    # Three ticks and two minutes may pass.
    assert not found.is_late(tick + timedelta(minutes=62))
    assert found.is_late(tick + timedelta(minutes=62, seconds=1))


def test_rules_that_are_gone_are_not_shown_and_how_to_start_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(NOW - timedelta(minutes=5))])
        state = AlertStateStore(writer)
        state.keep_rules('{"rules.yaml": "version: 1\\nrules: []\\n"}', now=NOW)
        state.keep_rules(None, now=NOW)

    app = open_page(tmp_path, monkeypatch, "alerts")

    assert not app.exception
    assert "No rules are in force since 18 Nov 15:30:05" in [each.value for each in app.subheader]
    assert "llmtrace collector --rules" in app.code[-1].value


def test_rules_that_another_version_kept_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(tmp_path / DATABASE_FILE) as writer:
        writer.insert([call(NOW - timedelta(minutes=5))])
        document = '{"rules.yaml": "version: 9\\nrules: []\\n"}'
        AlertStateStore(writer).keep_rules(document, now=NOW)

    app = open_page(tmp_path, monkeypatch, "alerts")

    assert not app.exception
    assert "kept by another version of llmtrace" in texts(app)


def test_the_overview_leads_to_the_alert(
    store: Writer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(home, monkeypatch)

    app.button(key="alert-0").click().run()

    assert app.title[0].value == "Alerts"
    worst = alert_of(store, "slow")
    assert app.query_params["alert"] == worst.episode
    assert fmt.one_line(worst.summary, 400) in texts(app)


def test_changes_become_stretches_of_pending_and_firing(store: Writer) -> None:
    changes = list_history(store, limit=99)[::-1]

    bands = bands_of(changes)

    at = {(band.rule_id, band.state): (band.start, band.end) for band in bands}
    hour = NOW.replace(minute=0, second=0)
    assert at["error-rate", "pending"] == (hour.replace(hour=12, minute=40), hour.replace(hour=13))
    assert at["error-rate", "firing"] == (
        hour.replace(hour=13), hour.replace(hour=14, minute=20)
    )  # fmt: skip
    assert at["slow", "firing"][1] is None
    assert len(bands) == 5


def test_a_lane_is_cut_at_the_ranges_edges_and_what_is_not_over_reaches_its_end(
    store: Writer,
) -> None:
    bands = bands_of(list_history(store, limit=99)[::-1])
    start = NOW - timedelta(hours=1)

    def at(moment: datetime) -> int:
        return int(moment.timestamp() * 1_000)

    lanes = ["error-rate", "slow", "quiet"]
    spec = charts.lanes_chart(bands, lanes, (at(start), at(NOW)), at)
    columns, rows = charts.lanes_table(bands, at)

    values = spec["data"]["values"]
    assert {row["lane"] for row in values} == {"error-rate", "slow"}
    assert all(at(start) <= row["from"] and row["to"] <= at(NOW) for row in values)
    assert spec["encoding"]["y"]["scale"]["domain"] == lanes
    assert columns[0] == "Rule"
    assert ["slow", "Warning", "2026-11-18 15:20", "now"] in [row[:4] for row in rows]


def test_a_value_between_none_is_a_dot() -> None:
    series: list[tuple[str, charts.Points]] = [
        ("a", [(1, None), (2, 0.5), (3, None), (4, 1.0), (5, 2.0)]),
        ("b", [(5, 3.0)]),
        ("c", [(4, 1.0), (5, None)]),
    ]
    found = data_alerts.Backtest(series=(), firings=(), every=timedelta(hours=1), is_partial=False)

    spec = charts.value_chart(
        series, found, threshold=1, told="> 1", axis={}, edges=(0, 9), at=lambda _: 0
    )
    lines = charts.value_chart(
        [("a", [(1, 1.0), (2, 2.0)])], found, threshold=1, told="", axis={}, edges=(0, 9),
        at=lambda _: 0,
    )  # fmt: skip

    (dots,) = (layer for layer in spec["layer"] if layer.get("mark", {}).get("type") == "point")
    assert [(row["series"], row["t"]) for row in dots["data"]["values"]] == [
        ("a", 2.0), ("b", 5.0), ("c", 4.0),
    ]  # fmt: skip
    assert [layer.get("mark", {}).get("type") for layer in lines["layer"]] == ["line", None]


def test_thinning_keeps_the_worst() -> None:
    points: charts.Points = [(place, float(place % 7)) for place in range(100)]
    points[50] = (50, 99.0)
    points[51] = (51, None)

    few = charts.thinned(points, 10, highest=True)

    assert len(few) == 10
    assert (50, 99.0) in few
    assert charts.thinned(points, 100, highest=True) == points
    assert charts.thinned([(1, None), (2, None)], 1, highest=False) == [(1, None)]


def test_values_as_a_table_have_the_newest_first_and_say_what_is_not_known() -> None:
    midnight = int(datetime(2026, 11, 18, tzinfo=UTC).timestamp() * 1_000)
    series: list[tuple[str, charts.Points]] = [
        ("a", [(midnight, 1.0), (midnight + 60_000, None)]),
        ("b", [(midnight, 2.5)]),
    ]

    columns, rows = charts.value_table(series, lambda value: f"{Decimal(str(value))} %")

    assert columns == ("At", "a", "b")
    assert rows == [
        ["2026-11-18 00:01", fmt.NONE, fmt.NONE],
        ["2026-11-18 00:00", "1.0 %", "2.5 %"],
    ]
