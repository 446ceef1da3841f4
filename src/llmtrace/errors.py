"""Every error that llmtrace raises to its own user, in one tree.

LlmtraceError
├── ConfigError            a setting, environment variable or file is wrong
├── MissingExtraError      an optional dependency is not installed
├── StoreError
│   ├── StoreLockedError   another process owns the store and cannot be asked
│   ├── StoreVersionError  the store was written by a newer llmtrace
│   └── StoreUnreachableError  the collector is gone, or the disk is
├── QueryError             the SQL or metric query is refused, wrong, or too slow
│   ├── QueryMemoryError   it needs more memory than it may have where it was run
│   └── SearchError        a search for traces cannot be read (says at which character)
├── SegmentError           a spool or log directory cannot be written
├── PriceFileError         the user's price file is wrong
├── RuleError              a rule file is wrong (carries every problem found)
└── ReplayError            a stored call cannot be sent or served again

A message has three parts: what happened, where (with which value), what to do.
None of these is ever raised into an instrumented call: ``instrument.guard`` sees to that.
"""

from __future__ import annotations


class LlmtraceError(Exception):
    """Base of all errors of this package; the CLI prints it as one line."""


class ConfigError(LlmtraceError):
    """A setting, an environment variable or a configuration file is wrong."""


class MissingExtraError(LlmtraceError):
    """An optional dependency is not installed; the message holds the command to type."""

    def __init__(self, feature: str, extra: str) -> None:
        """Say which ``feature`` needs which ``extra`` of the distribution."""
        super().__init__(
            f"{feature} needs packages that are not installed; "
            f"type: pip install 'llmtrace-toolkit[{extra}]'"
        )


class StoreError(LlmtraceError):
    """The store cannot do what was asked."""


class StoreLockedError(StoreError):
    """Another process owns the store file and no collector answers for it."""


class StoreVersionError(StoreError):
    """The store was written by a newer llmtrace than this one."""


class StoreUnreachableError(StoreError):
    """The collector does not answer, or the store file cannot be read."""


class QueryError(LlmtraceError):
    """A query is refused by the gate, is wrong, or ran out of its limits."""


class QueryMemoryError(QueryError):
    """A query needs more memory than it may have where it was run."""


class SearchError(QueryError):
    """A search for traces cannot be read."""

    def __init__(self, problem: str, position: int, remedy: str) -> None:
        """Say what is wrong, at which character (the first is 1), and what to write instead."""
        super().__init__(f"{problem} at character {position}; {remedy}")
        self.position = position


class SegmentError(LlmtraceError):
    """A segment directory cannot be created, read or written."""


class PriceFileError(LlmtraceError):
    """The user's price file is wrong; the message names file and line."""


class RuleError(LlmtraceError):
    """A rule file is wrong; ``problems`` holds every problem as ``file:line: text``."""

    def __init__(self, problems: list[str]) -> None:
        """Keep all ``problems``, one line each, in file order."""
        super().__init__("\n".join(problems))
        self.problems = problems


class ReplayError(LlmtraceError):
    """A stored call cannot be sent again or served offline."""
