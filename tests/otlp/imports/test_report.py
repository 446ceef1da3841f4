"""The loss report: what is lost and what is only told."""

from __future__ import annotations

import json

import pytest

from llmtrace.otlp.imports.report import Report
from llmtrace.store.row_text import json_text


def test_duplicates_missing_prices_and_kept_fields_are_no_loss() -> None:
    report = Report(duplicates=3, empty=2)
    report.unpriced["some-model"] = 2
    report.kept["tool.field"] = 7

    assert not report.is_lossy
    assert "tool.field 7" in report.as_text()
    assert "some-model 2" in report.as_text()


@pytest.mark.parametrize("counts", [{"limited.values_shortened": 1}, {"repaired.input_tokens": 2}])
def test_cut_and_unbelievable_values_are_a_loss(counts: dict[str, int]) -> None:
    report = Report()

    report.add([], counts)

    assert report.is_lossy


def test_an_end_that_the_file_does_not_have_is_no_loss() -> None:
    report = Report()

    report.add([], {"repaired.end_time": 1})

    assert not report.is_lossy


def test_of_each_reason_the_first_few_places_are_shown() -> None:
    report = Report()
    for line in range(1, 10):
        report.skip("no id", f"a.json:{line}")

    (told,) = json.loads(json_text(report.as_dict()))["skipped"]
    assert told["count"] == 9
    assert told["first"] == ["a.json:1: no id", "a.json:2: no id", "a.json:3: no id"]
    assert "skipped: 9 \N{EN DASH} no id" in report.as_text()
