"""``llmtrace forget``: nothing of a user is left, no sum is changed, and what stays is said."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from llmtrace.cli.forget import command
from llmtrace.errors import StoreUnreachableError
from llmtrace.otlp.rows import EventRow, SpanRow
from llmtrace.semconv import FORGOTTEN, SERVER_ADDRESS, USAGE_REQUESTS_PREFIX
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.alert_state import AlertStateStore
from llmtrace.store.maintenance import erasure
from tests.cli.homes import collected, llmtrace, rows, told
from tests.collector.clients import send
from tests.dashboards.seeding import fill
from tests.otlp.otlp_requests import request, span
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-user-4711"
TRACE, SHARED = b"\xfe" * 16, b"\xfd" * 16
MONEY = """
    select model, sum(cost_usd) as usd, sum(input_tokens) as tokens, count(*) as calls
    from llm_calls group by model order by model
"""


def everything(number: int, **columns: Any) -> SpanRow:
    """Return a call that has the canary in every place that may hold one."""
    return call(
        NOON + timedelta(seconds=number), user_id=CANARY, session_id=f"{CANARY}-session",
        tags={"who": CANARY}, feature=CANARY, status_message=f"no {CANARY}",
        request_id=CANARY, response_id=CANARY, name=f"chat {CANARY}", request_body=CANARY,
        response_body=CANARY, input_messages=CANARY, usage_raw=f'"{CANARY}"',
        attributes={"any": f"x{CANARY}x", SERVER_ADDRESS: "api.openai.com",
                    f"{USAGE_REQUESTS_PREFIX}web_search": "2"},
        events=(EventRow(time_us=1, name="said", attributes={"text": CANARY}),),
        resource={"enduser": CANARY}, **columns,
    )  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a home with calls of the canary, of others, and of traces that they share."""
    no_user = {"is_inference": False, "cost_usd": None, "input_tokens": None}
    fill(
        tmp_path,
        [
            everything(1, trace_id=TRACE, span_id=2**64 - 1, tenant="acme"),
            everything(2, trace_id=SHARED, tenant="globex", cost_usd=Decimal("0.5")),
            call(NOON, trace_id=TRACE, request_body="his tool", name="tool", **no_user),
            call(NOON, trace_id=SHARED, request_body="whose tool", name="both", **no_user),
            call(NOON, trace_id=SHARED, user_id="bob", request_body="bob's"),
            call(NOON, user_id="eve", tags={"about": CANARY, "team": "x"}),
            call(NOON - timedelta(days=1), user_id="eve", request_body="eve's"),
        ],
    )
    return tmp_path


def forget(home: Path, *arguments: str) -> Any:
    result = llmtrace(
        "forget", "--user", CANARY, *arguments, "--yes", "--json", "--home", str(home)
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("mode", [(), ("--delete",)])
def test_no_byte_of_the_user_is_left_in_the_store(
    mode: tuple[str, ...], running: bool, shop: Path
) -> None:
    with collected(shop, running=running):
        forget(shop, *mode)
        told(llmtrace("compact", "--json", "--home", str(shop)))

    for path in shop.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    left = {row["body"] for row in rows(shop, "select request_body as body from payloads")}
    assert left == {"whose tool", "bob's", "eve's"}


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_erasure_that_ended_in_between_is_finished_by_the_next(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only its trace tells to be the user's is still found: before and after the call."""
    tool = {"trace_id": TRACE, "is_inference": False, "cost_usd": None, "name": "tool"}
    fill(
        tmp_path,
        [
            call(NOON, request_body="before", **tool),
            everything(1, trace_id=TRACE),
            everything(2, trace_id=TRACE),
            call(NOON + timedelta(seconds=9), request_body="after", **tool),
        ],
    )
    erase, calls = erasure._erase, count(1)

    def fails(*arguments: Any, **named: Any) -> None:
        if next(calls) > after:
            raise StoreUnreachableError("the disk is full")
        erase(*arguments, **named)

    monkeypatch.setattr(erasure, "ROWS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "_erase", fails)
        failed = CliRunner().invoke(command, ["--user", CANARY, "--yes", "--home", str(tmp_path)])
    assert failed.exit_code != 0

    forget(tmp_path)

    assert rows(tmp_path, "select request_body from payloads") == []
    assert rows(tmp_path, "select name from llm_calls where user_id is not null") == []


def test_no_sum_changes_and_what_is_left_of_a_call_is_its_figures(shop: Path) -> None:
    before = rows(shop, MONEY)

    done = forget(shop)

    assert rows(shop, MONEY) == before
    assert (done["spans"], done["calls"], done["cost_usd"]) == (3, 2, "0.510000000000")
    (one, _) = rows(
        shop,
        "select user_id, session_id, feature, tags, attributes, name from llm_calls "
        "where user_id is null order by start_time",
    )
    assert one == {
        "user_id": None, "session_id": None, "feature": None, "tags": {}, "name": "chat",
        "attributes": {SERVER_ADDRESS: "api.openai.com", FORGOTTEN: "true",
                       f"{USAGE_REQUESTS_PREFIX}web_search": "2"},
    }  # fmt: skip


def test_others_keep_theirs_but_for_the_tag_that_names_the_user(shop: Path) -> None:
    forget(shop)

    found = rows(shop, "select user_id, tags from llm_calls where user_id is not null order by all")
    assert found == [
        {"user_id": "bob", "tags": {}},
        {"user_id": "eve", "tags": {}},
        {"user_id": "eve", "tags": {"team": "x"}},
    ]


def test_of_one_tenant_only_its_user_is_forgotten(shop: Path) -> None:
    done = forget(shop, "--tenant", "acme")

    assert done["spans"] == 2
    kept = rows(shop, "select user_id, tenant from llm_calls where user_id like 'canary%'")
    assert kept == [{"user_id": CANARY, "tenant": "globex"}]


def test_deleting_takes_the_money_too_and_says_how_much(shop: Path) -> None:
    done = forget(shop, "--delete")

    assert (done["rows"], done["cost_usd"]) == ("deleted", "0.510000000000")
    assert rows(shop, "select sum(cost_usd) as usd from llm_calls") == [{"usd": Decimal("0.03")}]


def test_a_dry_run_and_a_missing_yes_change_nothing(shop: Path) -> None:
    before = rows(shop, "select * from llm_calls order by all")

    dry = told(llmtrace("forget", "--user", CANARY, "--dry-run", "--json", "--home", str(shop)))
    unsure = llmtrace("forget", "--user", CANARY, "--home", str(shop))

    assert dry["spans"] == 3
    assert (unsure.exit_code, "--yes" in unsure.stderr) == (2, True)
    assert rows(shop, "select * from llm_calls order by all") == before


def test_alerts_about_the_user_go_with_their_messages(shop: Path) -> None:
    with Writer(shop / DATABASE_FILE) as writer:
        for user in (CANARY, "bob"):
            writer.transaction(lambda t, user=user: t.execute(
                "insert into alert_history by name select now()::timestamp as tick, "
                "now()::timestamp as recorded_at, 'r' as rule_id, ? as key, ? as episode, "
                "'fired' as kind, '' as reason, 'info' as severity, map{'user': ?} as labels, "
                "1 as threshold, ? as summary, false as is_late", [user] * 4))  # fmt: skip
            writer.transaction(lambda t, user=user: t.execute(
                "insert into alert_outbox by name select '1' as delivery_id, "
                "now()::timestamp as created_at, 'slack' as receiver, ? as episode, "
                "'firing' as kind, ? as payload, 'sent' as status, 1 as attempts, "
                "now()::timestamp as next_attempt_at", [user] * 2))  # fmt: skip

    assert forget(shop)["erased"]["alerts"] == 2

    assert rows(shop, "select key from alert_history") == [{"key": "bob"}]
    assert rows(shop, "select episode from alert_outbox") == [{"episode": "bob"}]


def test_a_report_kept_for_sending_goes_if_it_names_the_user(shop: Path) -> None:
    payloads = {"named": json.dumps({"rows": [[CANARY, "$1"]]}), "other": f'{{"x": "{CANARY}2"}}'}
    with Writer(shop / DATABASE_FILE) as writer:
        for episode, payload in payloads.items():
            writer.transaction(lambda t, told=(episode, payload): t.execute(
                "insert into alert_outbox by name select '1' as delivery_id, "
                "now()::timestamp as created_at, 'slack' as receiver, ? as episode, "
                "'report' as kind, ? as payload, 'waiting' as status, 0 as attempts, "
                "now()::timestamp as next_attempt_at", list(told)))  # fmt: skip

    assert forget(shop)["erased"]["alerts"] == 1

    assert rows(shop, "select episode from alert_outbox") == [{"episode": "other"}]


def test_a_rule_in_force_that_names_the_user_is_told_of_and_goes_once_it_was_edited(
    shop: Path,
) -> None:
    rule = "rules: [{{id: heavy, filter: {{user: {}}}}}]"
    for number, user in enumerate(("bob", CANARY, f"{CANARY}2", CANARY)):
        keep_rules(shop, {"/etc/heavy.yaml": rule.format(user), "/etc/other.yaml": ""}, number)

    arguments = ["--user", CANARY, "--yes", "--home", str(shop)]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.return_value == 1  # the exit code
    assert "Edit the file, start the collector with it" in result.stdout
    assert "  /etc/heavy.yaml\n" in result.stdout
    assert "other.yaml" not in result.stdout
    assert sum(f"{CANARY}}}" in document for document in rule_documents(shop)) == 1

    keep_rules(shop, {"/etc/heavy.yaml": rule.format("bob")}, 9)
    done = forget(shop)
    assert (done["erased"]["alert_rules"], done["named_by_rules_in"]) == (1, [])
    assert sum(f"{CANARY}}}" in document for document in rule_documents(shop)) == 0
    assert len(rule_documents(shop)) == 3


def test_an_id_that_yaml_writes_with_escapes_is_found_in_rules(shop: Path) -> None:
    keep_rules(shop, {"rules.yaml": 'filter: {user: "a\\"b"}'}, 1)

    result = llmtrace("forget", "--user", 'a"b', "--yes", "--json", "--home", str(shop))

    assert json.loads(result.stdout)["named_by_rules_in"] == ["rules.yaml"]


def keep_rules(home: Path, texts: dict[str, str], minute: int) -> None:
    """Let a collector be started with these rule files."""
    with Writer(home / DATABASE_FILE) as writer:
        record = json.dumps(texts, ensure_ascii=False)
        AlertStateStore(writer).keep_rules(record, now=NOON + timedelta(minutes=minute))


def rule_documents(home: Path) -> list[str]:
    return [row["document"] for row in rows(home, "select document from alert_rules")]


def test_the_audit_has_a_keyed_hash_and_not_the_id(shop: Path) -> None:
    first, second = forget(shop), forget(shop)

    audit = rows(shop, "select * from audit order by recorded_at")
    assert [row["operation"] for row in audit] == ["forget", "forget"]
    assert audit[0]["subject"] == audit[1]["subject"] == first["subject"] == second["subject"]
    assert CANARY not in str(audit)
    assert (shop / "audit.key").stat().st_mode & 0o777 == 0o600


def test_segments_and_dead_letters_that_still_mention_the_user_are_listed(shop: Path) -> None:
    # given: a request in the collector's open segment, a dead letter, and a replaced store
    (shop / "deadletter").mkdir()
    (shop / "deadletter" / "a-1.otlp").write_bytes(b"\0" + CANARY.encode())
    (shop / "deadletter" / "b-1.otlp").write_bytes(b"other")
    (shop / f"{DATABASE_FILE}.replaced-1").write_bytes(b"")
    with collected(shop, running=True) as collector:
        assert collector is not None
        send(collector.url, request(span(9, {"user.id": CANARY})))

        # when
        result = llmtrace("forget", "--user", CANARY, "--yes", "--json", "--home", str(shop))

    # then
    done = json.loads(result.stdout)
    segment, letter = sorted(done["still_mentioned_in"], reverse=True)
    assert segment.startswith("wal/")
    assert letter == "deadletter/a-1.otlp"
    assert done["replaced_stores"] == [f"{DATABASE_FILE}.replaced-1"]
    assert done["spans"] == 4


def test_what_waits_to_be_forwarded_is_listed_too(shop: Path) -> None:
    waiting = shop / "forward" / "jaeger" / "1-1-a.seg"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(b"\0" + CANARY.encode())

    result = llmtrace("forget", "--user", CANARY, "--yes", "--home", str(shop))

    assert "forward/jaeger/1-1-a.seg (goes when it is sent on" in result.output


def test_what_is_forgotten_is_not_stored_again_when_it_is_sent_again(shop: Path) -> None:
    with collected(shop, running=True) as collector:
        assert collector is not None
        send(collector.url, request(span(9, {"user.id": CANARY}), span(10)))
        forget(shop)
        send(collector.url, request(span(9, {"user.id": CANARY})))
        told(llmtrace("compact", "--json", "--home", str(shop)))

        assert rows(shop, f"select * from llm_calls where user_id = '{CANARY}'") == []  # noqa: S608  # ours


def test_an_empty_user_is_refused(shop: Path) -> None:
    result = llmtrace("forget", "--user", "", "--yes", "--home", str(shop))

    assert result.exit_code == 2
    assert "--user is empty" in result.stderr
