"""Any URL is understood or said not to be; what a choice writes into a URL is what is read back."""

from __future__ import annotations

from datetime import date, timedelta

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
SPANS = st.one_of(st.tuples(st.sampled_from(RANGES), st.none()), st.tuples(st.just(CUSTOM), DAYS))
FILTERS = st.one_of(
    st.sampled_from(DIMENSIONS),
    TEXTS.filter(lambda key: "=" not in key).map(lambda key: f"tag.{key}"),
)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    span, days = draw(SPANS)
    return Choice(
        range=span,
        days=days,
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
    assert (choice.days is not None) == (choice.range == CUSTOM)
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


def test_too_many_values_are_cut_and_counted() -> None:
    choice = parse({"user": [f"u{number}" for number in range(MAX_VALUES + 3)]})

    assert len(choice.filters["user"]) == MAX_VALUES
    assert choice.notes[0].startswith("3 of the values of user left out")


def test_tags_of_one_key_are_alternatives_of_one_dimension() -> None:
    choice = parse({"tag": ["team=core", "team=infra", "tier=a=b"]})

    assert choice.filters == {"tag.team": ("core", "infra"), "tag.tier": ("a=b",)}
