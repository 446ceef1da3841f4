"""Any URL is understood or said not to be; what a choice writes into a URL is what is read back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.address import (
    CUSTOM,
    DEFAULT_RANGE,
    DIMENSIONS,
    MAX_CHARACTERS,
    MAX_VALUES,
    NAMES,
    RANGES,
    REFRESHES,
    Choice,
    parse,
    serialise,
    zones,
)

# Half surrogates and NUL too: hypothesis leaves surrogates out unless asked.
ANYTHING = st.text(st.characters(codec=None), max_size=30)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30)
VALUES = st.lists(TEXTS, min_size=1, max_size=4, unique=True).map(tuple)
DAYS = st.tuples(st.dates(date(2000, 1, 1), date(2180, 1, 1)), st.integers(0, 3_659)).map(
    lambda found: (found[0], found[0] + timedelta(days=found[1]))
)
MOMENTS = st.tuples(
    st.integers(0, 180 * 365 * 86_400).map(
        lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.integers(1, 3_660 * 86_400),
).map(lambda found: (found[0], found[0] + timedelta(seconds=found[1])))
SPANS = st.one_of(
    st.tuples(st.sampled_from(RANGES), st.none(), st.none()),
    st.tuples(st.just(CUSTOM), DAYS, st.none()),
    st.tuples(st.just(CUSTOM), st.none(), MOMENTS),
)
FILTERS = st.one_of(
    st.sampled_from(DIMENSIONS),
    TEXTS.filter(lambda key: "=" not in key).map(lambda key: f"tag.{key}"),
)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    span, days, moments = draw(SPANS)
    return Choice(
        range=span,
        days=days,
        moments=moments,
        filters=draw(st.dictionaries(FILTERS, VALUES, max_size=4)),
        compare=draw(st.booleans()),
        tables=draw(st.booleans()),
        zone=draw(st.one_of(st.none(), st.sampled_from(zones()))),
        refresh=draw(st.sampled_from(list(REFRESHES))),
    )


@given(choices())
def test_a_choice_survives_the_url(choice: Choice) -> None:
    assert parse(serialise(choice)) == choice


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(NAMES), ANYTHING), st.lists(ANYTHING, max_size=5), max_size=8
    )
)
def test_any_url_is_a_choice(parameters: dict[str, list[str]]) -> None:
    choice = parse(parameters)

    assert choice.range in (*RANGES, CUSTOM)
    assert [choice.days, choice.moments].count(None) == (1 if choice.range == CUSTOM else 2)
    assert choice.refresh in REFRESHES
    for values in choice.filters.values():
        assert values
        assert all(value.encode() and "\x00" not in value for value in values)
    again = parse(serialise(choice))
    assert again.notes == ()
    assert serialise(again) == serialise(choice)


def test_no_parameters_are_the_default() -> None:
    assert parse({}) == Choice()
    assert serialise(Choice()) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("range", "fortnight"),
        ("compare", "perhaps"),
        ("tables", "<script>"),
        ("zone", "../../etc/passwd"),
        ("refresh", "1ms"),
        ("tag", "team"),
        ("tag", "=core"),
        ("user", "\ud800"),
        ("user", "x" * (MAX_CHARACTERS + 1)),
    ],
)
def test_what_is_not_understood_is_said_and_left_out(name: str, value: str) -> None:
    choice = parse({name: [value]})

    assert len(choice.notes) == 1
    assert serialise(choice) == {}


@pytest.mark.parametrize(
    "days",
    [[], ["2026-11-31"], ["soon"], ["1999-12-31"], ["2200-01-01"], ["2001-01-01", "2020-01-01"]],
)
def test_days_that_are_none_show_the_default_range(days: list[str]) -> None:
    choice = parse({"range": [CUSTOM], "days": days})

    assert (choice.range, choice.days) == (DEFAULT_RANGE, None)
    assert "first and its last day" in choice.notes[0]


def test_days_are_in_order_and_one_is_both() -> None:
    backwards = parse({"range": [CUSTOM], "days": ["2026-11-07", "2026-11-01"]})
    single = parse({"range": [CUSTOM], "days": ["2026-11-07"]})

    assert backwards.days == (date(2026, 11, 1), date(2026, 11, 7))
    assert single.days == (date(2026, 11, 7), date(2026, 11, 7))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-18T12:00:00", "2026-11-18T13:00:00Z"),
        ("2026-11-18T12:00:00Z", "2026-11-18T12:00:00Z"),
        ("2026-11-18T12:00:00Z", ""),
        ("2001-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("1999-12-31T23:00:00Z", "2000-01-01T01:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "soon"),
    ],
)
def test_moments_that_are_none_show_the_default_range(start: str, end: str) -> None:
    choice = parse({"range": [CUSTOM], "from": [start], "to": [end]})

    assert (choice.range, choice.moments) == (DEFAULT_RANGE, None)
    assert "as 2026-11-18T12:00:00Z" in choice.notes[0]


def test_moments_are_in_order_and_win_over_days() -> None:
    choice = parse({
        "range": [CUSTOM], "days": ["2026-11-07"],
        "from": ["2026-11-18T14:30:00+01:00"], "to": ["2026-11-18T12:00:00.9Z"],
    })  # fmt: skip

    assert choice.moments == (
        datetime(2026, 11, 18, 12, 0, tzinfo=UTC), datetime(2026, 11, 18, 13, 30, tzinfo=UTC),
    )  # fmt: skip
    assert (choice.days, choice.notes) == (None, ())
    assert serialise(choice) == {
        "range": [CUSTOM], "from": ["2026-11-18T12:00:00Z"], "to": ["2026-11-18T13:30:00Z"],
    }  # fmt: skip


def test_too_many_values_are_cut_and_counted() -> None:
    choice = parse({"user": [f"u{number}" for number in range(MAX_VALUES + 3)]})

    assert len(choice.filters["user"]) == MAX_VALUES
    assert choice.notes[0].startswith("3 of the values of user left out")


def test_tags_of_one_key_are_alternatives_of_one_dimension() -> None:
    choice = parse({"tag": ["team=core", "team=infra", "tier=a=b"]})

    assert choice.filters == {"tag.team": ("core", "infra"), "tag.tier": ("a=b",)}
