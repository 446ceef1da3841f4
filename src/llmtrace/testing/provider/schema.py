"""An instance of a JSON Schema, filled from the text at hand where its words allow it.

It covers what SDKs send for structured output and tools (objects, arrays, unions, references,
enums, bounds, formats), not all of JSON Schema: ``pattern`` and ``not`` are ignored.
"""

from __future__ import annotations

import math
import re
from typing import Any

from llmtrace.testing.provider.events import JsonObject, as_list, as_object

_MAX_DEPTH = 8
"""Deeper than this a schema is taken to be recursive, and the smallest instance is given."""

_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_FORMAT_PATTERNS = {
    "date": r"\b\d{4}-\d{2}-\d{2}\b",
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "uri": r"https?://[^\s\"'<>]+",
}
_NUMBER = r"(?<![\w-])-?\d[\d,]*(?:\.\d+)?(?![\w-])"
_ID_NAME = re.compile(r"(^|_)(id|number|no|code|sku|ref|reference)$", re.IGNORECASE)


def instance_of(schema: JsonObject, text: str) -> object:
    """Return a JSON value that ``schema`` accepts, with values found in ``text`` if any fit."""
    return _Filler(schema, text).fill(schema, "", 0)


class _Filler:
    """One walk over one schema; holds what ``$ref`` points into."""

    def __init__(self, root: JsonObject, text: str) -> None:
        self._root = root
        self._text = text

    def fill(self, schema: JsonObject, name: str, depth: int) -> object:
        schema = self._resolve(schema, depth)
        if "const" in schema:
            return schema["const"]
        if options := as_list(schema.get("enum")):
            return self._mentioned(options)
        kind = _kind(schema, depth)
        if kind in ("object", "array"):
            is_object = kind == "object"
            return self._object(schema, depth) if is_object else self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, name, is_integer=kind == "integer")
        if kind == "string":
            return self._string(schema, name)
        return self._is_said(name) if kind == "boolean" else None

    def _resolve(self, schema: JsonObject, depth: int) -> JsonObject:
        """Follow references, take the first branch of unions, merge ``allOf``."""
        for _ in range(_MAX_DEPTH):
            if isinstance(reference := schema.get("$ref"), str):
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = self._target(reference) | rest
            elif branches := as_list(schema.get("anyOf") or schema.get("oneOf")):
                branches = [as_object(branch) for branch in branches]
                is_null = [branch.get("type") == "null" for branch in branches]
                wanted = depth >= _MAX_DEPTH
                index = is_null.index(wanted) if wanted in is_null else 0
                schema = branches[index]
            elif parts := as_list(schema.get("allOf")):
                merged = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    merged |= self._resolve(as_object(part), depth)
                schema = merged
            else:
                break
        return schema

    def _target(self, reference: str) -> JsonObject:
        node: JsonObject = self._root
        for key in reference.removeprefix("#").split("/"):
            if key:
                node = as_object(node.get(key.replace("~1", "/").replace("~0", "~")))
        return node

    def _object(self, schema: JsonObject, depth: int) -> JsonObject:
        properties = as_object(schema.get("properties"))
        required = set(as_list(schema.get("required")))
        return {
            name: self.fill(as_object(child), name, depth + 1)
            for name, child in properties.items()
            if name in required or depth < _MAX_DEPTH
        }

    def _is_said(self, name: str) -> bool:
        is_yes = bool(self._labelled(name, r"(?:yes|true)\b"))
        return is_yes or name.startswith(("is_", "has_"))

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[Any]:
        least = int(schema.get("minItems") or 0)
        length = least if depth >= _MAX_DEPTH else max(least, 1)
        items = as_object(schema.get("items"))
        return [self.fill(items, name.removesuffix("s"), depth + 1) for _ in range(length)]

    def _number(self, schema: JsonObject, name: str, *, is_integer: bool) -> float:
        found = self._labelled(name, _NUMBER) or next(iter(re.findall(_NUMBER, self._text)), "1")
        value = _bounded(float(found.replace(",", "")), schema)
        return int(value) if is_integer or value == int(value) else value

    def _string(self, schema: JsonObject, name: str) -> str:
        form = str(schema.get("format") or ("email" if "email" in name.lower() else ""))
        if form in _FORMATS:
            found = re.search(_FORMAT_PATTERNS.get(form, r"(?!)"), self._text)
            return found.group() if found else _FORMATS[form]
        wanted = r"[\w/-]+" if _ID_NAME.search(name) else r"[^\n,;.!?]{1,80}"
        value = self._labelled(name, wanted) or self._likely(name)
        value = value[: schema.get("maxLength")]
        return value.ljust(int(schema.get("minLength") or 0), "x")

    def _likely(self, name: str) -> str:
        """Guess by the property's name: an identifier, a proper name, else the text's start."""
        if "currency" in name.lower():
            found = re.search(r"\b(?:EUR|USD|GBP|CHF|JPY)\b", self._text)
            return found.group() if found else "USD"
        if _ID_NAME.search(name):
            found = re.search(r"\b(?=[\w-]*\d)[A-Za-z0-9][\w-]*\b", self._text)
            return found.group() if found else "A-1001"
        if re.search(r"city|location|place|country|name|vendor|customer|company", name.lower()):
            names = re.findall(r"(?<=[a-z,] )[A-Z]\w+(?: [A-Z]\w+)*", self._text)
            return names[-1] if names else "Lisbon" if "name" not in name.lower() else "Ada"
        return " ".join(self._text.split()[:12]) or name or "text"

    def _mentioned(self, options: list[Any]) -> object:
        """Return the option that the text mentions, else the first."""
        text = self._text.lower()
        return next((o for o in options if isinstance(o, str) and o.lower() in text), options[0])

    def _labelled(self, name: str, pattern: str) -> str:
        """Return what follows ``name`` in the text, as in "Invoice number: 17"; "" if nothing."""
        words = [re.escape(word) for word in re.split(r"[_\W]+", name) if word]
        if not words:
            return ""
        label = r"[ _-]?".join(words)
        found = re.search(
            rf"\b{label}\b\s*(?:is\b|[:#=])\s*[$€£#]?({pattern})", self._text, re.IGNORECASE
        )
        return found.group(1).strip() if found else ""


def _kind(schema: JsonObject, depth: int) -> str:
    kind: object = schema.get("type")
    if isinstance(kind, list):
        kinds = [str(each) for each in as_list(schema.get("type"))]
        if depth >= _MAX_DEPTH and "null" in kinds:
            return "null"
        return next((each for each in kinds if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _bounded(value: float, schema: JsonObject) -> float:
    """Return ``value`` if the schema's bounds allow it, else the nearest simple number."""
    step = schema.get("multipleOf") or 1
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    candidates = [value]
    if low is not None:
        candidates += [low, math.ceil(low / step) * step, low + step]
    if high is not None:
        candidates += [high, math.floor(high / step) * step, high - step]
    if low is not None and high is not None:
        candidates.append((low + high) / 2)
    candidates.append(round(value / step) * step)
    return next((each for each in candidates if _is_allowed(each, schema)), value)


def _is_allowed(value: float, schema: JsonObject) -> bool:
    return (
        value >= schema.get("minimum", -math.inf)
        and value > schema.get("exclusiveMinimum", -math.inf)
        and value <= schema.get("maximum", math.inf)
        and value < schema.get("exclusiveMaximum", math.inf)
        and value % schema.get("multipleOf", 1 if schema.get("type") == "integer" else value or 1)
        == 0
    )
