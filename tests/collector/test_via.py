"""Who finds itself among those that sent spans on knows that they come round."""

from __future__ import annotations

import pytest

from llmtrace.collector.via import HEADER, Via


def test_what_others_sent_on_is_taken() -> None:
    assert not Via().comes_round(Via().headers()[HEADER])


def test_what_we_sent_on_comes_round_by_whatever_way() -> None:
    ours, between, last = Via(), Via(), Via()

    assert not between.comes_round(ours.headers()[HEADER])
    assert not last.comes_round(between.headers()[HEADER])

    assert ours.comes_round(last.headers()[HEADER])


@pytest.mark.parametrize("header", ["", ",,", "x" * 5000, "0" * 16 + "\r\nx: y", "é,🙂"])
def test_a_header_of_a_stranger_is_never_passed_on_as_it_is(header: str) -> None:
    via = Via()
    before = via.headers()

    assert not via.comes_round(header)
    assert via.headers() == before


def test_only_so_many_are_remembered() -> None:
    via = Via()
    for _ in range(100):
        via.comes_round(Via().headers()[HEADER])

    assert len(via.headers()[HEADER].split(",")) == 33
