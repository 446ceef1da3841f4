"""Does each stage show the right figures? The store is held against what the SDKs told the apps.

The ledger holds the usage objects that the apps saw; the prices here are copied by hand from the
providers' price pages, in Decimal, so that neither tokens nor money are checked against themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from llmtrace.cli.demo.processes import DemoError, wait_until
from llmtrace.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmtrace.cli.demo.scene import Scene

_MTOK: Final = Decimal(1_000_000)
# USD per million tokens: (uncached input, cache read, output); OpenAI's price page, 2026-11.
_OPENAI: Final = {
    "gpt-5": (Decimal("1.25"), Decimal("0.125"), Decimal(10)),
    "gpt-5-mini": (Decimal("0.25"), Decimal("0.025"), Decimal(2)),
    "text-embedding-3-small": (Decimal("0.02"), Decimal(0), Decimal(0)),
}
# USD per million tokens: (input, cache read, cache write 1 h, output); Anthropic's price page.
_ANTHROPIC: Final = {
    "claude-sonnet-4-6": (Decimal(3), Decimal("0.30"), Decimal(6), Decimal(15)),
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One thing that was checked."""

    stage: str
    is_ok: bool
    detail: str


def run_checks(scene: Scene, say: Callable[[str], None]) -> list[Result]:
    """Check every stage, telling each result as it comes."""
    ledger = [json.loads(line) for line in scene.ledger.read_text().splitlines()]
    results: list[Result] = []
    for stage, check in (
        ("store", lambda: _every_call_is_there(scene, ledger)),
        ("tokens", lambda: _tokens_agree(scene, ledger)),
        ("cost", lambda: _cost_agrees(scene, ledger)),
        ("unpriced", lambda: _unpriced_is_null(scene, ledger)),
        ("attribution", lambda: _attribution_is_there(scene)),
        ("alert", lambda: _alert_reached_slack(scene)),
        ("dashboard", lambda: _dashboard_answers(scene)),
        ("report", lambda: _report_agrees(scene)),
        ("replay", lambda: _replay_works(scene)),
    ):
        try:
            results.append(Result(stage=stage, is_ok=True, detail=check()))
        except (DemoError, AssertionError, OSError, subprocess.SubprocessError) as error:
            results.append(Result(stage=stage, is_ok=False, detail=str(error)))
        mark = "ok  " if results[-1].is_ok else "FAIL"
        say(f"  {mark} {stage:<12} {results[-1].detail}")
    return results


def _every_call_is_there(scene: Scene, ledger: list[Row]) -> str:
    """Every call of the ledger is one row, each once."""
    wait_until(lambda: _count(scene) >= len(ledger), f"{len(ledger)} calls stored", timeout_s=20)
    found = _count(scene)
    _expect("calls stored", found, len(ledger))
    distinct = _one(scene, "select count(distinct span_id) as n from llm_calls")
    _expect("distinct spans", distinct["n"], found)
    failed = _one(scene, "select count(*) as n from llm_calls where is_error")["n"]
    _expect("failed calls", failed, sum(1 for line in ledger if line["error"]))
    return f"{found} calls, each once; {failed} failed, as the apps saw it"


def _tokens_agree(scene: Scene, ledger: list[Row]) -> str:
    told = [sum(column) for column in zip(*(_buckets(line) for line in ledger), strict=True)]
    stored = _one(
        scene,
        "select sum(input_tokens) as i, sum(output_tokens) as o, sum(cache_read_tokens) as r,"
        " sum(cache_write_tokens) as w from llm_calls",
    )
    for name, column, expected in zip(("in", "out", "read", "write"), "iorw", told, strict=True):
        _expect(f"tokens {name}", int(stored[column] or 0), expected)
    return f"{told[0]:,} in ({told[2]:,} from cache, {told[3]:,} written), {told[1]:,} out"


def _cost_agrees(scene: Scene, ledger: list[Row]) -> str:
    expected = sum((_price(line) or Decimal(0) for line in ledger), Decimal(0))
    stored = _one(scene, "select sum(cost_usd) as usd from llm_calls")["usd"]
    _expect("cost in USD", stored, expected)
    return f"${expected} — equal to the arithmetic on the price pages, to the last digit"


def _unpriced_is_null(scene: Scene, ledger: list[Row]) -> str:
    expected = sum(1 for line in ledger if line["usage"] and _price(line) is None)
    found = _one(
        scene, "select count(*) as n, count(cost_usd) as priced from llm_calls where is_unpriced"
    )
    _expect("unpriced calls", found["n"], expected)
    _expect("of these with a cost", found["priced"], 0)
    return f"{expected} calls of a model without a price: NULL and counted, not 0"


def _attribution_is_there(scene: Scene) -> str:
    found = _one(
        scene,
        "select count(distinct user_id) as u, count(distinct tenant) as t,"
        " count(distinct feature) as f, count(*) filter (user_id is null) as nobody from llm_calls",
    )
    _expect("users, tenants, features, calls of nobody", tuple(found.values()), (8, 3, 3, 0))
    return "8 users, 3 tenants, 3 features, no call of nobody"


def _alert_reached_slack(scene: Scene) -> str:
    def budget_messages() -> list[str]:
        texts = [json.dumps(message) for message in scene.slack.messages]
        return [text for text in texts if "Daily budget spent" in text]

    wait_until(lambda: bool(budget_messages()), "the budget alert at the Slack sink", timeout_s=30)
    _expect("budget alerts", len(budget_messages()), 1)
    _expect("messages that Slack would refuse", scene.slack.problems, [])
    return f"the budget alert is in the Slack sink, once ({len(scene.slack.messages)} in all)"


def _dashboard_answers(scene: Scene) -> str:
    with urllib.request.urlopen(scene.dashboard_url, timeout=10) as page:  # noqa: S310  # loopback
        policy = page.headers.get("content-security-policy") or ""
        _expect("status of the page", page.status, 200)
    if "default-src 'self'" not in policy:
        raise DemoError(f"the page comes without its content security policy: {policy!r}")
    return f"{scene.dashboard_url} answers, with a strict content security policy"


def _report_agrees(scene: Scene) -> str:
    told = json.loads(_llmtrace(scene, "report", "--json", "--today")[1])
    stored = _one(scene, "select sum(cost_usd) as usd from llm_calls")["usd"]
    _expect("total of the report", Decimal(str(told["total"]["cost"])), stored)
    return f"`llmtrace report` says ${stored} too"


def _replay_works(scene: Scene) -> str:
    span = _one(
        scene,
        "select span_id from llm_calls where not is_error and model like 'gpt-5%'"
        " and not is_stream order by start_time desc limit 1",
    )["span_id"]
    code, _ = _llmtrace(scene, "replay", span, "--json", "--allow-redacted", allowed=(0, 1))
    words = "the same answer" if code == 0 else "another answer"
    return f"call {span} was sent again through the real SDK: {words}"


def _llmtrace(scene: Scene, *arguments: str, allowed: tuple[int, ...] = (0,)) -> tuple[int, str]:
    """Run a command as its user would; return its exit code and standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "llmtrace", *arguments],
        env=scene.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode not in allowed:
        raise DemoError(
            f"llmtrace {arguments[0]} ended with {done.returncode}: {done.stderr[-300:]}"
        )
    return done.returncode, done.stdout


def _buckets(line: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return (all input, output, cache read, cache write) of what the SDK told the app."""
    usage: dict[str, Any] = line["usage"] or {}
    if "cache_creation_input_tokens" in usage:
        read = usage["cache_read_input_tokens"] or 0
        written = usage["cache_creation_input_tokens"] or 0
        return usage["input_tokens"] + read + written, usage["output_tokens"], read, written
    details: dict[str, int | None] = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or 0
    return usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), cached, 0


def _price(line: Mapping[str, Any]) -> Decimal | None:
    """Return what the call costs on the providers' price pages; None if they do not list it."""
    total, output, read, written = _buckets(line)
    if line["model"] in _ANTHROPIC:
        prices = _ANTHROPIC[line["model"]]
        parts = (total - read - written, read, written, output)
    elif line["model"] in _OPENAI:
        prices = _OPENAI[line["model"]]
        parts = (total - read, read, output)
    else:
        return None
    return sum((n * usd / _MTOK for n, usd in zip(parts, prices, strict=True)), Decimal(0))


def _count(scene: Scene) -> int:
    return int(_one(scene, "select count(*) as n from llm_calls")["n"])


def _one(scene: Scene, query: str) -> Row:
    with connect(scene.home) as db:
        rows = db.sql(query).rows()
    if not rows:
        raise DemoError(f"no row for: {query}")
    return rows[0]


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DemoError(f"{what}: found {found}, expected {expected}")
