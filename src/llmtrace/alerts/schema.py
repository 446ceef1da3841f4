"""Holds a rule file's values against ``schema.json`` and says what is wrong in plain words.

The schema decides, this module only words it: which field, what it may be, the nearest known name.
Whether rules make sense together is for ``checks``.
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, cast

from jsonschema import Draft202012Validator

from llmtrace.alerts.document import Path, Problem, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError

    from llmtrace.alerts.document import Document

RULES_SCHEMA: Final = "schema.json"

PLANNED: Final[dict[str, frozenset[str]]] = {
    "kind": frozenset({"baseline", "burn_rate", "sql"}),
    "basis": frozenset({"forecast"}),
    "type": frozenset({"apprise", "discord", "email", "pagerduty", "teams", "webhook"}),
}
"""Values of other tools, refused by name, so that nobody hunts for a typo."""


def load_schema(name: str = RULES_SCHEMA) -> dict[str, object]:
    """Return a shipped JSON Schema: of rule files, or of rule tests."""
    text = resources.files("llmtrace.alerts").joinpath(name).read_text(encoding="utf-8")
    return cast("dict[str, object]", json.loads(text))


def schema_problems(document: Document, schema: str = RULES_SCHEMA) -> list[Problem]:
    """Return everything in which ``document`` differs from the schema, in line order."""
    errors = _errors(document.value, schema)
    # A wrong kind makes every other complaint about the same mapping meaningless.
    unknown_kinds = {_path(error)[:-1] for error in errors if _is_about_kind(error)}
    problems: set[tuple[int, str]] = set()
    for error in errors:
        path = _path(error)
        if not _is_about_kind(error) and any(path[: len(kind)] == kind for kind in unknown_kinds):
            continue
        problems.update((document.line(where), text) for where, text in _worded(error, path))
    return [Problem(line=line, text=text) for line, text in sorted(problems)]


def _errors(value: object, schema: str) -> list[ValidationError]:
    # Typed by hand: jsonschema's stubs admit only values made of types they spell out.
    find = cast("Callable[[object], Iterable[ValidationError]]", _validator(schema).iter_errors)  # pyright: ignore[reportUnknownMemberType]  # see above
    return list(find(value))


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(load_schema(schema))


def _path(error: ValidationError) -> Path:
    return tuple(cast("Iterable[str | int]", error.absolute_path))


def _is_about_kind(error: ValidationError) -> bool:
    path = _path(error)
    return error.validator == "enum" and bool(path) and path[-1] in {"kind", "type"}


def _worded(error: ValidationError, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield where to point and what to say; several for one error when several fields are wrong."""
    schema = cast("Mapping[str, object]", error.schema)
    match error.validator:
        case "additionalProperties":
            known = cast("Mapping[str, object]", schema["properties"])
            for key in cast("Mapping[str, object]", error.instance):
                if key not in known:
                    yield (*path, key), f"unknown field {shown(key)}{near(key, known)}"
        case "required":
            present = cast("Mapping[str, object]", error.instance)
            for field in cast("list[str]", schema["required"]):
                if field not in present:
                    yield path, f"{_place(path)} has no field {shown(field)}; add it"
        case "enum" if path and _is_property_name(error):
            allowed = cast("list[str]", schema["enum"])
            hint = near(error.instance, allowed) or f"; known: {', '.join(allowed)}"
            name = shown(error.instance)
            yield (
                (*path, str(error.instance)),
                f"{_place(path)} names {name}, unknown{hint}",
            )
        case "enum":
            yield path, _not_one_of(path, error, schema)
        case _:
            at = (*path, str(error.instance)) if _is_property_name(error) else path
            yield (
                at,
                f"{_place(path)} is {_seen(path, error)}; write {_wanted(schema, error)}",
            )


def _is_property_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


def _not_one_of(path: Path, error: ValidationError, schema: Mapping[str, object]) -> str:
    allowed = [str(item) for item in cast("list[object]", schema["enum"])]
    value = error.instance
    field = str(path[-1]) if path else ""
    if isinstance(value, str) and value in PLANNED.get(field, frozenset()):
        supported = ", ".join(allowed)
        return f'{field} "{value}" is not supported by this version; supported: {supported}'
    hint = near(value, allowed) or f"; write one of: {', '.join(allowed)}"
    return f"{_place(path)} is {_seen(path, error)}{hint}"


def _place(path: Path) -> str:
    """Name a field for people: its own name, or what the list or file that holds it is."""
    if not path:
        return "the file"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {path[-2]!s}" if len(path) > 1 else "an item"
    return f'"{path[-1]}"' if shown(path[-1]) != '"…"' else "a field"


def _seen(path: Path, error: ValidationError) -> str:
    # Whatever stands under a receiver may be its secret, pasted by mistake.
    is_secret = bool(path) and path[0] == "receivers" and path[-1] != "type"
    return "something else" if is_secret else shown(error.instance)


def _wanted(schema: Mapping[str, object], error: ValidationError) -> str:
    described = schema.get("description")
    limit = error.validator_value
    is_shape = error.validator == "type" and limit in {"object", "array"}
    if isinstance(described, str) and not is_shape and error.validator != "maxItems":
        return described
    if error.validator == "type":
        names = [limit] if isinstance(limit, str) else cast("list[str]", limit)
        return " or ".join(_TYPES[name] for name in names)
    wording = _LIMITS.get(str(error.validator))
    return wording.format(limit) if wording else shown(limit)


_LIMITS: Final = {
    "maxItems": "at most {} items",
    "maxLength": "at most {} characters",
    "maxProperties": "at most {} fields",
    "maximum": "at most {}",
    "minItems": "something: it is empty",
    "minLength": "something: it is empty",
    "minProperties": "something: it is empty",
    "minimum": "at least {}",
    "uniqueItems": "each item once",
}
_TYPES: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping of fields",
    "string": "a text (in quotes)",
}


def near(value: object, known: Iterable[str]) -> str:
    """Return ``; did you mean "…"?`` for the nearest known name, or nothing."""
    found = difflib.get_close_matches(str(value)[:64], list(known), n=1, cutoff=0.6)
    return f'; did you mean "{found[0]}"?' if found else ""
