"""Sessions are found by their last call, page by page; their turns carry the running total."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmtrace.store import Writer, trace_search
from llmtrace.store.queries import Scope
from llmtrace.store.restricted import RestrictedStore
from llmtrace.store.sessions import (
    SessionEnd,
    find_sessions,
    session_summary,
    session_turns,
)
from tests.store.calls import NOON, call, failed, minutes

DAY = Scope(start=NOON - timedelta(hours=12), end=NOON + timedelta(hours=12))


def ids(store: Writer, scope: Scope = DAY, **page: Any) -> list[str]:
    return [row["session_id"] for row in find_sessions(store, scope, **{"limit": 50, **page})]


def test_a_session_has_the_figures_of_the_view_even_of_calls_before_the_range(
    store: Writer,
) -> None:
    about: dict[str, Any] = {"session_id": "s1", "user_id": "ann", "tenant": "acme"}
    store.insert([call(NOON - timedelta(days=3), **about), failed(NOON, **about), call(NOON)])

    (row,) = find_sessions(store, DAY, limit=5)

    (view,) = store.sql("select * from sessions").to_pylist()
    assert {name: row[name] for name in view} == view
    assert row["last_at"] == NOON.replace(tzinfo=None)
    assert row["duration_ms"] == (3 * 86_400 + 1) * 1e3
    assert session_summary(store, "s1") == {**view, "duration_ms": row["duration_ms"]}
    assert session_summary(store, "nope") is None


def test_the_filter_bar_and_a_text_narrow_the_list(store: Writer) -> None:
    store.insert([call(session_id="Alpha", user_id="ann"),
                  call(session_id="beta", user_id="bob", provider="anthropic"),
                  call(NOON - timedelta(days=2), session_id="old")])  # fmt: skip

    assert set(ids(store)) == {"Alpha", "beta"}
    assert ids(store, replace(DAY, providers=("anthropic",))) == ["beta"]
    assert ids(store, text="alph") == ["Alpha"]
    assert ids(store, text=" BOB ") == ["beta"]
    assert ids(store, text="%") == []


@pytest.mark.parametrize("first_look", [1, 4, 20_000])
def test_pages_follow_one_another_without_gap_or_twin(
    store: Writer, monkeypatch: pytest.MonkeyPatch, first_look: int
) -> None:
    monkeypatch.setattr(trace_search, "_FIRST_LOOK", first_look)
    store.insert([call(NOON - minutes(number * 7 % 12), session_id=f"s{number % 7}")
                  for number in range(30)])  # fmt: skip
    expected = store.sql(
        "select session_id from spans group by 1 order by max(start_time) desc, 1 desc"
    ).column(0).to_pylist()  # fmt: skip

    seen: list[str] = []
    after: SessionEnd | None = None
    for _ in range(4):
        page = find_sessions(store, DAY, after=after, limit=2)
        seen.extend(row["session_id"] for row in page)
        after = SessionEnd(last_at=page[-1]["last_at"], session_id=page[-1]["session_id"])

    assert seen == expected
    assert find_sessions(store, DAY, after=after, limit=2) == []


def test_turns_carry_what_they_and_all_before_them_cost(store: Writer) -> None:
    costs = ("0.01", None, "0.02", "0.04")
    store.insert([
        call(NOON + minutes(number), session_id="s", cost_usd=cost and Decimal(cost),
             request_body=f'"{number}"')
        for number, cost in enumerate(costs)
    ])  # fmt: skip
    store.insert([failed(NOON + minutes(9), session_id="s"), call(session_id="other"),
                  call(NOON, session_id="s", is_inference=False)])  # fmt: skip

    turns = session_turns(store, "s", first=2, last=9)

    assert [turn["turn"] for turn in turns] == [2, 3, 4, 5]
    assert [turn["total_usd"] for turn in turns] == [
        Decimal("0.01"), Decimal("0.03"), Decimal("0.07"), Decimal("0.07"),
    ]  # fmt: skip
    assert [turn["total_unpriced"] for turn in turns] == [1, 1, 1, 1]
    assert [turn["is_unpriced"] for turn in turns] == [True, False, False, False]
    assert [turn["request_body"] for turn in turns] == ['"1"', '"2"', '"3"', None]


def test_a_body_that_is_too_long_is_left_out_and_said(
    store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtrace.store.sessions.LONGEST_BODY", 5)
    store.insert([call(session_id="s", request_body='"too long"', response_body="{}")])

    (turn,) = session_turns(store, "s", first=1, last=1)

    assert (turn["request_body"], turn["response_body"], turn["is_left_out"]) == (None, "{}", True)


def test_a_viewer_of_one_tenant_sees_no_session_of_another(store: Writer) -> None:
    store.insert([call(session_id="theirs", tenant="globex", request_body='"secret"'),
                  call(session_id="both", tenant="acme"),
                  call(session_id="both", tenant="globex", cost_usd=Decimal(9))])  # fmt: skip
    restricted = RestrictedStore(store, ["acme"])

    assert [row["session_id"] for row in find_sessions(restricted, DAY, limit=9)] == ["both"]
    assert session_summary(restricted, "theirs") is None
    assert session_turns(restricted, "theirs", first=1, last=9) == []
    found = session_summary(restricted, "both")
    assert found is not None
    assert found["cost_usd"] == Decimal("0.01")
    (turn,) = session_turns(restricted, "both", first=1, last=9)
    assert turn["total_usd"] == Decimal("0.01")
