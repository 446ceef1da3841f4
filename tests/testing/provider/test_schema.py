"""Instances satisfy the schema they are made for; jsonschema is the judge."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.testing.provider.schema import instance_of

TREE: dict[str, Any] = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer", "minimum": 3, "maximum": 9},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            },
            "required": ["value", "next", "children"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/Node",
}
CASES: list[dict[str, Any]] = [
    TREE,
    {"const": 7},
    {"enum": ["low", "high"]},
    {"type": ["null", "string"], "minLength": 200},
    {"type": "string", "maxLength": 3},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 50},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "integer", "minimum": 100, "multipleOf": 7},
    {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "null"}}, "required": ["a"]}]},
    {"oneOf": [{"type": "null"}, {"type": "integer"}]},
]


@pytest.mark.parametrize("schema", CASES)
@given(text=st.text(max_size=200))
def test_the_instance_is_valid_whatever_the_text(schema: dict[str, Any], text: str) -> None:
    jsonschema.validate(instance_of(schema, text), schema)


def test_values_are_taken_from_labels_in_the_text() -> None:
    properties = {
        "order_id": {"type": "string"},
        "total": {"type": "number"},
        "priority": {"enum": ["low", "high"]},
        "email": {"type": "string", "format": "email"},
        "is_paid": {"type": "boolean"},
        "currency": {"type": "string"},
    }
    text = "Order id: B-2, total: $1,200.5 CHF. High priority, write to ann@example.org."

    found = instance_of({"type": "object", "properties": properties}, text)

    assert found == {
        "order_id": "B-2",
        "total": 1200.5,
        "priority": "high",
        "email": "ann@example.org",
        "is_paid": True,
        "currency": "CHF",
    }
