"""What the commands that keep a store share: ages, times, and asking before it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from llmtrace.cli.upkeep import age, confirm, counted, moment

CONTEXT, PARAMETER = click.Context(click.Command("x")), click.Option(["--x"])


@pytest.mark.parametrize(
    ("text", "length"),
    [("90m", timedelta(minutes=90)), ("0d", timedelta()), (" 8w ", timedelta(weeks=8))],
)
def test_an_age_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert age(CONTEXT, PARAMETER, text) == length


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "9999999d"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90m, 12h, 30d or 8w"):
        age(CONTEXT, PARAMETER, text)


@pytest.mark.parametrize("text", ["2026-11-01", "2026-11-01T00:00", "2026-11-01T01:00+01:00"])
def test_a_time_is_in_utc_whatever_zone_it_was_told_in(text: str) -> None:
    assert moment(CONTEXT, PARAMETER, text) == datetime(2026, 11, 1, tzinfo=UTC)


def test_where_nobody_can_be_asked_nothing_is_done_without_a_yes() -> None:
    confirm("It goes.", is_sure=True)
    with pytest.raises(click.UsageError, match=r"It goes\. Nothing was changed; say so with --yes"):
        confirm("It goes.", is_sure=False)


def test_what_is_zero_is_not_told() -> None:
    assert counted({"spans": 1_200, "links": 0, "content_attributes": 1}) == (
        "1,200 spans, 1 content attributes"
    )
    assert counted({"spans": 0}) == "nothing"
