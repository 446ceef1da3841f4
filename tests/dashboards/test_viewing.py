"""A long range of a large store moves on in steps that viewers share; nothing else does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import streamlit as st

from dashboards import asking
from dashboards.address import CUSTOM, Choice
from dashboards.viewing import one_filter_more, other_ranges, settled, view, without_filters
from llmtrace.store import Writer
from tests.store.calls import NOON, call

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 15, 3, 37, tzinfo=UTC)
ROUNDED = datetime(2026, 11, 20, 15, 3, 40, tzinfo=UTC)
HALF = datetime(2026, 11, 20, 15, 3, 30, tzinfo=UTC)


@dataclass
class Clock:
    """The clock of the pages."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    with Writer(tmp_path / "llmtrace.duckdb") as writer:
        writer.insert([call(NOON), call(NOON)])
    clock = Clock()
    monkeypatch.setenv("LLMTRACE_HOME", str(tmp_path))
    monkeypatch.setattr(asking, "SystemClock", lambda: clock)
    st.cache_data.clear()
    return clock


@pytest.fixture
def large(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(asking, "_LARGE", 1)
    return clock


@pytest.mark.parametrize(
    ("choice", "start", "end"),
    [
        (Choice(range="1h"), ROUNDED - timedelta(hours=1), ROUNDED),
        (Choice(range="24h"), HALF - timedelta(days=1), HALF),
        (
            Choice(range="7d"),
            datetime(2026, 11, 13, 15, 3, tzinfo=UTC),
            datetime(2026, 11, 20, 15, 3, tzinfo=UTC),
        ),
        (
            Choice(range="30d"),
            datetime(2026, 10, 21, 15, 0, tzinfo=UTC),
            datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
        ),
        (
            Choice(range="MTD"),
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
        ),
        (
            Choice(range=CUSTOM, days=(date(2026, 10, 3), date(2026, 11, 3))),
            datetime(2026, 10, 3, tzinfo=UTC),
            datetime(2026, 11, 4, tzinfo=UTC),
        ),
    ],
)
@pytest.mark.usefixtures("large")
def test_the_longer_a_range_the_longer_its_step(
    choice: Choice, start: datetime, end: datetime
) -> None:
    shown = view(choice, "UTC")

    found = settled(shown)

    assert (found.scope.start, found.scope.end) == (start, end)
    assert found.now == HALF  # what today cost waits no longer, whatever the range


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["", "ann", "bob", "eve"])
def test_a_small_store_is_always_shown_as_of_now(name: str) -> None:
    shown = view(Choice(range="30d", filters={"user": (name,)} if name else {}), "UTC")

    assert settled(shown) == shown


def test_an_answer_is_good_until_the_step_is_over(large: Clock) -> None:
    first = settled(view(Choice(range="30d"), "UTC"))
    stamps = [asking.stamp(first.scope.start, first.scope.end)]

    for moment in (NOW + timedelta(seconds=70), NOW + timedelta(seconds=80)):
        large.at = moment
        shown = settled(view(Choice(range="30d"), "UTC"))
        stamps.append(asking.stamp(shown.scope.start, shown.scope.end))
        assert (shown.scope == first.scope) == (moment < NOW + timedelta(seconds=73))

    assert stamps == [0, 0, 0]  # of an end that is no older than a step
    past = [asking.stamp(first.scope.start, first.scope.end)]
    large.at += timedelta(seconds=300)
    past.append(asking.stamp(first.scope.start, first.scope.end))
    assert past == [1, 2]
    short = NOW - timedelta(hours=1)
    before = asking.stamp(short, NOW)
    large.at += timedelta(seconds=10)
    assert asking.stamp(short, NOW) == before + 1


def test_what_has_been_over_for_a_day_is_good_for_longer(
    large: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = NOW.replace(hour=0, minute=0, second=0)

    def stamps(end: datetime) -> set[int]:
        found: set[int] = set()
        begin = NOW.replace(minute=5, second=0)
        if end < day:  # it is asked again at a moment of its own
            begin -= timedelta(seconds=end.toordinal() * asking._APART_S % 300)
        for seconds in range(0, 290, 10):  # rounded up, less than five minutes
            large.at = begin + timedelta(seconds=seconds)
            found.add(asking.stamp(end - timedelta(hours=24), end))
        return found

    assert len(stamps(day)) == 10
    assert len(stamps(day - timedelta(days=1))) == 1
    monkeypatch.setattr(asking, "_LARGE", 1_000)
    st.cache_data.clear()
    assert len(stamps(day - timedelta(days=1))) == 29


def test_days_that_are_over_are_not_asked_again_all_at_once(large: Clock) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    weekdays = [midnight - timedelta(weeks=number) for number in range(1, 9)]
    moved: list[int] = []
    before: list[int] | None = None

    for seconds in range(0, 301, 10):
        large.at = NOW + timedelta(seconds=seconds)
        now = [asking.stamp(end - timedelta(days=1), end) for end in weekdays]
        if before is not None:
            moved.append(sum(a != b for a, b in zip(before, now, strict=True)))
        before = now

    assert sum(moved) == 8  # each once in five minutes
    assert max(moved) <= 2


@pytest.mark.usefixtures("large")
def test_what_will_be_shown_later_can_be_told_now() -> None:
    def shown() -> tuple[datetime, int]:
        scope = settled(view(Choice(range="24h"), "UTC")).scope
        return scope.end, asking.stamp(scope.start, scope.end)

    with asking.as_if_later(timedelta(seconds=30)):
        assert shown() == (HALF + timedelta(seconds=30), 0)
    assert shown() == (HALF, 0)


@pytest.mark.parametrize("range_name", ["24h", "7d", "30d"])
def test_other_filters_move_on_at_another_moment_and_as_often(
    large: Clock, range_name: str
) -> None:
    moments: dict[int, set[datetime]] = {}
    step = 0
    for number in range(20):
        for second in range(0, 900, 10):
            large.at = NOW + timedelta(seconds=second)
            shown = view(Choice(range=range_name, filters={"user": (f"u-{number}",)}), "UTC")
            found = settled(shown)
            step = asking.step_s(found.scope.start, found.scope.end)
            assert timedelta(0) <= shown.now - found.scope.end < timedelta(seconds=step)
            assert found.scope.end <= found.now <= shown.now
            moments.setdefault(number, set()).add(found.scope.end)

    together = Counter(min(each).timestamp() % step for each in moments.values())
    assert max(together.values()) <= 12
    assert max(map(len, moments.values())) - min(map(len, moments.values())) <= 1


@pytest.mark.usefixtures("large")
def test_who_looks_at_one_model_each_moves_on_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ends() -> set[datetime]:
        st.cache_data.clear()
        filters = [{"model": (f"m-{number}",)} for number in range(20)]
        return {settled(view(Choice(range="30d", filters=each), "UTC")).scope.end
                for each in filters}  # fmt: skip

    assert len(ends()) == 1
    monkeypatch.setattr(asking, "FEW", 0)  # not where a dimension has many values
    assert len(ends()) > 1


@pytest.mark.usefixtures("large")
def test_one_filter_more_is_one_of_each_that_all_values_are_asked_of() -> None:
    def filters(**chosen: str) -> list[dict[str, tuple[str, ...]]]:
        choice = Choice(range="30d", filters={name: (value,) for name, value in chosen.items()})
        found = one_filter_more(view(choice, "UTC"))
        assert [settled(view(each.choice, "UTC")) for each in found] == found
        return [dict(each.choice.filters) for each in found]

    assert filters() == [
        {"model": ("gpt-5",)}, {"provider": ("openai",)}, {"environment": ("prod",)},
    ]  # fmt: skip
    # What is asked about another model then is asked about all models of the provider.
    assert filters(provider="openai") == [{"provider": ("openai",), "model": ("gpt-5",)}]
    assert filters(model="gpt-5") == []


@pytest.mark.usefixtures("clock")
def test_in_a_small_store_nothing_is_asked_of_all_values() -> None:
    assert one_filter_more(view(Choice(range="30d"), "UTC")) == []


@pytest.mark.usefixtures("large")
def test_without_filters_the_rest_of_the_choice_stays() -> None:
    shown = view(Choice(range="7d", filters={"user": ("ann",)}), "UTC")

    assert without_filters(shown) == settled(view(Choice(range="7d"), "UTC"))


@pytest.mark.usefixtures("large")
def test_other_ranges_are_those_looked_at_most() -> None:
    def names(choice: Choice) -> list[str]:
        return [each.range for each in other_ranges(view(choice, "UTC"))]

    assert names(Choice(range="24h")) == ["7d", "30d"]
    assert names(Choice(range="MTD", filters={"user": ("ann",)})) == ["24h", "7d", "30d"]
    assert names(Choice(range=CUSTOM, days=(date(2026, 11, 1), date(2026, 11, 2)))) == []
    (week, _) = other_ranges(view(Choice(filters={"user": ("ann",)}), "UTC"))
    assert week == settled(view(Choice(range="7d", filters={"user": ("ann",)}), "UTC"))
