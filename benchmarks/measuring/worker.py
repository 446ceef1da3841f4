"""A process that measures one tool in one environment, a block at a time, as it is told.

Reads one JSON object a line (``{"do": "round", "case": …, "mode": …}``) and answers with one. The
parent asks several workers in turn, so that a busy minute of the machine hits them all.
Without and with the tool alternate inside this process: two processes differ by more than a tool
costs, for reasons of memory layout alone.
"""

from __future__ import annotations

import gc
import json
import platform
import sys
import time
import warnings
from importlib import metadata
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import tools
from benchmarks.measuring.workload import cases

if TYPE_CHECKING:
    from benchmarks.measuring.tools import Mode, Tool
    from benchmarks.measuring.workload import Case

_BLOCK_NS = 30_000_000
_PROCESS_BLOCK_NS = 200_000_000
_WARM = 6
"""Calls after a switch until the interpreter has specialised its code anew."""


class Worker:
    """One tool, every case."""

    def __init__(self, name: str, sink_url: str) -> None:
        """Load the tool; nothing is switched on."""
        self._tool: Tool = tools.make(name, sink_url)
        self._cases = cases(self._tool.watch)
        self._times: dict[tuple[str, bool], int] = {}

    def round(self, case: Case, mode: Mode) -> list[float]:
        """Return CPU ns a call: without, with, without. Whole process for export modes."""
        whole = mode in {"spool", "otlp"}
        times = self._times.get((case.name, whole)) or self._calibrate(case, whole=whole)
        measured: list[float] = []
        for is_on in (False, True, False):
            if is_on:
                self._tool.start(mode)
            try:
                case.run(_WARM if case.per_run == 1 else 1)
                if is_on:
                    self._tool.flush()
                gc.collect()
                spent = self._whole(case, times, is_on=is_on) if whole else case.run(times)
            finally:
                if is_on:
                    self._tool.stop()
            measured.append(spent / times / case.per_run)
        return measured

    def count(self, case: Case, mode: Mode) -> list[list[int]]:
        """Return (Python, C) function calls of one call: without, with, without again."""
        counted = [_count(case)]
        self._tool.start(mode)
        try:
            counted.append(_count(case))
        finally:
            self._tool.stop()
        counted.append(_count(case))
        return counted

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; an exception becomes part of the answer."""
        try:
            case = self._cases[asked["case"]]
            if asked["do"] == "count":
                return {"calls": self.count(case, asked["mode"])}
            return {"ns": self.round(case, asked["mode"])}
        except tools.NoSuchModeError:
            return {"absent": True}
        except Exception as error:  # noqa: BLE001  # a peer that fails is a result
            return {"error": f"{type(error).__name__}: {error}"[:300]}

    def _whole(self, case: Case, times: int, *, is_on: bool) -> int:
        started = time.process_time_ns()
        case.run(times)
        if is_on:
            self._tool.flush()
        return time.process_time_ns() - started

    def _calibrate(self, case: Case, *, whole: bool) -> int:
        case.run(1)
        spent = max(1, case.run(2) // 2)
        wanted = (_PROCESS_BLOCK_NS if whole else _BLOCK_NS) // spent
        times = max(1, min(wanted, case.max_times))
        self._times[case.name, whole] = times
        return times


def _count(case: Case) -> list[int]:
    """Return the fewest (Python, C) calls of three runs: now and then a run wakes a thread up."""
    case.run(_WARM if case.per_run == 1 else 1)
    gc.collect()
    gc.disable()  # a collection's callbacks and finalizers come when they like
    try:
        return min((_counted(case) for _ in range(3)), key=sum)
    finally:
        gc.enable()


def _counted(case: Case) -> list[int]:
    entered = {"call": 0, "c_call": 0}

    def note(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        if event in entered:
            entered[event] += 1

    sys.setprofile(note)
    try:
        case.run(1)
    finally:
        sys.setprofile(None)
    return [entered["call"], entered["c_call"]]


def versions() -> dict[str, str]:
    """Return what is installed here that matters."""
    found = {"python": platform.python_version()}
    for name in sorted({item.metadata["Name"] for item in metadata.distributions()}):
        if name.startswith(("openai", "anthropic", "opentelemetry-", "openinference-", "httpx2")):
            found[name] = metadata.version(name)
    return found


def main() -> None:
    """Serve until the input ends. Arguments: tool, URL of the OTLP sink."""
    # SDKs deprecate models by date: not what is measured. A tool's own are its user's to see.
    warnings.simplefilter("ignore")
    worker = Worker(sys.argv[1], sys.argv[2])
    print(json.dumps({"versions": versions()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
