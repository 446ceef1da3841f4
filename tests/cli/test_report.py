"""``llmtrace report``: the figures of plain SQL, in three forms, and clear refusals."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from llmtrace.cli.report import command, time_range
from llmtrace.clock import FixedClock
from llmtrace.errors import ConfigError, MissingExtraError, QueryError
from llmtrace.testing.provider.slack import SlackSink
from tests.dashboards.seeding import fill, recently
from tests.store.calls import call, failed

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def report(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--home", str(home)], catch_exceptions=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    at = recently()
    fill(
        tmp_path,
        [
            call(at, cost_usd=Decimal("0.030000000001"), cache_read_tokens=40, user_id="ann"),
            call(at, request_model="gpt-5-mini", cost_usd=Decimal("0.01"), user_id="=1+1"),
            call(at, request_model="in-house", cost_usd=None, user_id="ann"),
            failed(at, user_id="ann"),
            call(at - timedelta(days=3), cost_usd=Decimal(100)),
        ],
    )
    return tmp_path


def test_the_table_has_rows_total_and_what_is_unpriced(shop: Path) -> None:
    result = report(shop, "--last", "24h")

    lines = [line.split() for line in result.stdout.splitlines()[2:]]
    assert lines == [
        ["gpt-5", "2", "1", "100", "40", "20", "$0.030000000001", "75.0%"],
        ["gpt-5-mini", "1", "0", "100", "-", "20", "$0.01", "25.0%"],
        ["in-house", "1", "0", "100", "-", "20", "unpriced", "-"],
        ["Total", "4", "1", "300", "40", "60", "≥", "$0.040000000001"],
    ]
    assert "1 call of in-house without a price" in result.stderr
    assert "prices.yaml" in result.stderr


def test_json_keeps_money_exact(shop: Path) -> None:
    content = json.loads(report(shop, "--last", "24h", "--json").stdout)

    assert content["total"]["cost"] == "0.040000000001"
    assert [row["cost"] for row in content["rows"]] == ["0.030000000001", "0.010000000000", None]
    assert content["unpriced"] == [{"model": "in-house", "calls": 1}]


def test_csv_runs_nothing_in_a_spreadsheet(shop: Path) -> None:
    result = report(shop, "--last", "24h", "--by", "user", "--csv")

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["user"], row["cost"], row["unpriced_count"]) for row in rows] == [
        ("ann", "0.030000000001", "1"),
        ("'=1+1", "0.010000000000", "0"),
    ]


def test_json_holds_the_time_before_what_is_usual_and_what_moved(shop: Path) -> None:
    found = json.loads(report(shop, "--last", "2d", "--json").stdout)["comparison"]

    assert found["total"]["cost"] == "100.000000000000"
    assert found["change"] == pytest.approx(-0.9996)
    assert found["usual"] == {"verdict": "unknown", "low": None, "high": None, "periods": 0}
    assert found["movers"][0] == {
        "value": "gpt-5", "before": "100.000000000000", "now": "0.030000000001",
        "change": "-99.969999999999",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "beginning", "line"),
    [
        ("md", "# LLM spend by model\n", "| `gpt-5` | $0.0300 | 75.0% | -100.0% | 2 | 1 |"),
        ("html", "<!doctype html>", "<td><bdi>gpt-5</bdi></td><td>$0.0300</td><td>75.0%</td>"),
        ("slack", "{", '"*By model*\\n`gpt-5` $0.0300 \\u00b7 75.0%'),
    ],
)
def test_a_report_for_people_has_figures_changes_and_what_is_unpriced(
    shop: Path, form: str, beginning: str, line: str
) -> None:
    result = report(shop, "--last", "2d", "--format", form)

    assert result.stdout.startswith(beginning)
    assert line in result.stdout
    assert "1 call of in-house without a price" in result.stdout
    assert "What changed most" in result.stdout


def test_the_same_report_goes_into_a_file(shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "week.md"

    result = report(shop, "--last", "24h", "--format", "md", "--output", str(target))

    assert result.stdout == ""
    assert target.read_text().startswith("# LLM spend by model")


def test_a_pdf_is_written_or_the_extra_is_named(shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "week.pdf"
    is_installed = importlib.util.find_spec("fpdf") is not None

    with nullcontext() if is_installed else pytest.raises(MissingExtraError, match="fpdf2"):
        report(shop, "--format", "pdf", "--output", str(target))

    assert target.exists() == is_installed


def test_a_file_that_cannot_be_written_is_named(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*nowhere.*; give another --output"):
        report(shop, "--format", "md", "--output", str(tmp_path / "nowhere" / "week.md"))


def test_a_table_goes_into_no_file(shop: Path) -> None:
    result = report(shop, "--output", "week.txt")

    assert result.exit_code == 2
    assert "--output needs a --format" in result.output


@pytest.mark.parametrize("form", ["md", "html", "slack", "csv", "json"])
def test_an_empty_store_has_a_report_in_every_form(tmp_path: Path, form: str) -> None:
    result = report(tmp_path, "--format", form)

    assert result.exit_code == 0
    assert result.stdout


def test_seven_days_are_the_default(shop: Path) -> None:
    content = json.loads(report(shop, "--json").stdout)

    assert content["total"]["requests"] == 5


def test_an_empty_store_says_so_and_is_no_error(tmp_path: Path) -> None:
    result = report(tmp_path)

    assert result.exit_code == 0
    assert "no calls in this time" in result.stderr


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    fill(tmp_path, [call(recently(), user_id="\x1b[31mred\u202e[bold]x")])

    result = report(tmp_path, "--by", "user")

    assert "\\u001b[31mred\\u202e[bold]x" in result.stdout
    assert "\x1b[31mred" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "usr"], "did you mean 'user'?"),
        (["--last", "7x"], "write for example 90m, 24h or 7d"),
        (["--last", "-7d"], "write for example"),
        (["--timezone", "Mars"], "unknown time zone 'Mars'"),
    ],
)
def test_wrong_options_are_refused_with_what_to_do(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(QueryError) as caught:
        report(tmp_path, *arguments)

    assert message in str(caught.value)


def test_two_ranges_at_once_are_refused(tmp_path: Path) -> None:
    result = report(tmp_path, "--today", "--last", "7d")

    assert result.exit_code == 2
    assert "one of --last, --today, --month" in result.output


def test_showback_counts_what_has_no_price_and_runs_nothing_in_a_spreadsheet(
    tmp_path: Path,
) -> None:
    tenants = ("=1+1", " +2", "\t@x", "\uff1dA1", "acme")
    rows = [call(recently(), tenant=tenant, request_model="-3+cmd|x") for tenant in tenants]
    fill(tmp_path, [*rows, call(recently(), request_model="in-house", cost_usd=None)])

    result = report(tmp_path, "--last", "24h", "--format", "focus")

    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["SubAccountId"] for row in found} == {
        "'=1+1", "' +2", "'\t@x", "'\uff1dA1", "acme",
    }  # fmt: skip
    assert {row["ServiceName"] for row in found} == {"'-3+cmd|x"}
    assert {row["BilledCost"] for row in found} == {"0.010000000000"}
    assert result.stderr.startswith("1 call without a price: their cost is in no row, 1 day of")


def test_the_last_whole_day_ends_at_midnight(shop: Path) -> None:
    content = json.loads(report(shop, "--whole", "day", "--json").stdout)

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # Midnight may have passed meanwhile.
    assert datetime.fromisoformat(content["end"]) in {today, today - timedelta(days=1)}
    assert datetime.fromisoformat(content["start"]).hour == 0


def test_today_and_month_begin_at_local_midnight() -> None:
    clock = FixedClock(datetime(2026, 11, 18, 0, 30, tzinfo=UTC))

    today, _ = time_range(None, "day", "America/New_York", clock=clock)
    month, _ = time_range(None, "month", "Europe/Berlin", clock=clock)

    assert today == datetime(2026, 11, 17, 5, tzinfo=UTC)
    assert month == datetime(2026, 10, 31, 23, tzinfo=UTC)


RULES = """\
version: 1
receivers: {slack: {type: slack, url: "${env:LLMTRACE_TEST_REPORT_SLACK}"}}
rules: []
"""


def test_a_report_is_sent_through_a_receiver_of_the_rule_file(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    with SlackSink() as sink:
        monkeypatch.setenv("LLMTRACE_TEST_REPORT_SLACK", sink.url)

        result = report(shop, "--last", "24h", "--send", "slack", "--rules", str(rules))

        assert (result.exit_code, result.output) == (0, "slack: sent\n")
        (message,) = sink.messages
        assert sink.problems == []
    assert str(message["text"]).startswith("LLM spend by model: Spent ≥ $0.0400, ")


@pytest.mark.parametrize(
    ("receiver", "message"),
    [
        ("slak", 'no receiver is called "slak"; receivers: slack'),
        ("slack", r"not configured; set \$\{env:LLMTRACE_TEST_REPORT_SLACK\}"),
    ],
)
def test_a_receiver_that_cannot_be_reached_is_refused_without_its_secret(
    tmp_path: Path, receiver: str, message: str
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)

    with pytest.raises(ConfigError, match=message):
        report(tmp_path, "--send", receiver, "--rules", str(rules))


def test_send_needs_the_rule_file(tmp_path: Path) -> None:
    result = report(tmp_path, "--send", "slack")

    assert result.exit_code == 2
    assert "--send and --rules go together" in result.output
