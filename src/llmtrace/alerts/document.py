"""YAML text → plain values that know their line. Rule files are untrusted input.

Only what a rule file needs is understood: mappings with text keys, lists, text, numbers, booleans
and null. Tags are never resolved to objects, a repeated key is a problem instead of an overwrite,
and aliases are counted, so that a small file cannot become a large one. No schema is known here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

import yaml

MAX_BYTES: Final = 1_048_576
MAX_NODES: Final = 50_000
"""Values in one file after aliases are expanded; the largest sensible file has a few thousand."""
MAX_DEPTH: Final = 20
MAX_DIGITS: Final = 30

_COLLECTIONS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Path = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, and the line where it is (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The values of one file, where each stands, and what could not be read."""

    value: object
    """None if the text is not YAML at all."""
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    problems: tuple[Problem, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of the value at ``path``, or of its nearest parent that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Read YAML ``text``; what is wrong is returned as problems, never raised."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return _broken(1, f"the file is larger than {MAX_BYTES} bytes; split it into several")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # str(error) quotes the line, which may hold a secret; the mark alone does not.
        mark = error.problem_mark or error.context_mark
        return _broken(mark.line + 1 if mark else 1, f"not valid YAML: {_reason(error)}")
    except yaml.YAMLError:
        return _broken(
            1,
            "not valid YAML: it holds a character that YAML forbids; save it as UTF-8",
        )
    except RecursionError:
        return _broken(1, f"nested deeper than {MAX_DEPTH} levels; rules need 6 at most")
    if root is None:
        return _broken(1, "the file is empty; it needs 'version: 1' and 'rules:'")
    reader = _Reader()
    value = reader.read(root, ())
    return Document(value=value, lines=reader.lines, problems=tuple(reader.problems))


def without_comments(text: str) -> str:
    """Return YAML that ``parse`` reads as the same values: for people said things in comments.

    ``text`` has been parsed without problems.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    written: str = yaml.serialize(  # pyright: ignore[reportUnknownMemberType]  # its stub leaves the node open
        root, Dumper=yaml.SafeDumper, allow_unicode=True, width=100
    )
    return written


def _reason(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "cannot be read"
    if "block scalar" in f"{problem} {error.context}" or "'>'" in problem:
        return "a > must be quoted; write op: '>'"
    if "alias" in problem or "anchor" in problem:
        return "an alias names an anchor that does not exist, or exists twice"
    return problem


def _broken(line: int, text: str) -> Document:
    return Document(value=None, problems=(Problem(line=line, text=text),))


class _Reader:
    """Walks composed nodes once, counting, and keeps every value's line."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self._is_too_large = False

    def read(self, node: yaml.Node, path: Path) -> object:
        """Return the plain value of ``node``; None in place of what is refused."""
        self._nodes += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if self._is_too_large or self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            if not self._is_too_large:
                self._refuse(
                    line,
                    "too many values or too deep: aliases multiply them; remove some",
                )
            self._is_too_large = True
            return None
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            return self._refuse_tag(line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(line, "a field name must be plain text")
                continue
            key = key_node.value
            if key in result:
                before = self.lines[(*path, key)]
                self._refuse(line, f"field {shown(key)} is given twice, first in line {before}")
                continue
            # The key's line, so that "unknown field" points at the field.
            self.lines[(*path, key)] = line
            result[key] = self.read(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node, line: int) -> object:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str" | "timestamp" | "merge" | "value":
                return text
            case "null":
                return None
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "bool":
                return text  # on, off, yes, no: words to everyone but YAML 1.1
            case "int" | "float":
                return self._number(text, line)
            case _:
                return self._refuse_tag(line)

    def _refuse_tag(self, line: int) -> None:
        self._refuse(line, "tags (!…) are not allowed in a rule file; write plain values")

    def _number(self, text: str, line: int) -> object:
        if len(text) > MAX_DIGITS:
            self._refuse(
                line,
                f"a number of more than {MAX_DIGITS} characters is not sensible here",
            )
            return Decimal(0)
        try:
            # Decimal of the text itself: 0.1 stays 0.1, and money stays exact.
            number = Decimal(text.replace("_", ""))
        except InvalidOperation:
            return text  # 0x1f, 1:30, .inf: text to us, for the schema to judge
        is_whole = "." not in text and "e" not in text.lower()
        return int(number) if is_whole else number

    def _refuse(self, line: int, text: str) -> None:
        self.problems.append(Problem(line=line, text=text))


def shown(value: object) -> str:
    """Return ``value`` for an error message: short, one line, never a URL or a token.

    A rule file may hold a secret in the wrong place; saying so must not print it.
    """
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    if "://" in text or len(text) > 40 or not text.isprintable():
        return '"…"'
    if isinstance(value, str):
        return f'"{text}"'
    return {"True": "true", "False": "false", "None": "nothing"}.get(text, text)
