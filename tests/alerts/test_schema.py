"""The shipped schemas, the records and the metric layer name the same things."""

from __future__ import annotations

from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from llmtrace.alerts.model import DIMENSIONS, METRICS
from llmtrace.alerts.schema import load_schema
from llmtrace.store.metric_definitions import DIMENSIONS as STORE_DIMENSIONS
from llmtrace.store.metric_definitions import MEASURES

UNITS = {"ms": "seconds", "USD": "usd", "ratio": "ratio", "calls": "count", "tokens": "count"}


def definitions() -> dict[str, Any]:
    return cast("dict[str, Any]", load_schema()["$defs"])


@pytest.mark.parametrize("name", ["schema.json", "rule_test_schema.json"])
def test_a_shipped_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(load_schema(name))


def test_the_schema_knows_exactly_the_metrics_that_can_be_evaluated() -> None:
    assert definitions()["threshold"]["properties"]["metric"]["enum"] == sorted(METRICS)


def test_the_schema_knows_exactly_the_dimensions_that_can_be_asked_for() -> None:
    assert definitions()["dimension"]["enum"] == sorted(DIMENSIONS)
    assert set(DIMENSIONS) <= set(STORE_DIMENSIONS)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_a_measure_of_the_metric_layer_in_its_unit(name: str) -> None:
    metric = METRICS[name]

    assert UNITS[MEASURES[metric.measure].unit] == metric.unit
    assert float(metric.scale) == (0.001 if MEASURES[metric.measure].unit == "ms" else 1)
