"""The load: a process of its own that posts OTLP requests over a few connections and times answers.

    echo '{"url": …}' | python -m benchmarks.measuring.load

With a rate, requests are due at fixed times and an answer's time runs from when its request was
due, so that a server that stalls is charged for those that had to wait. Without one each connection
sends its next request when it has the answer. What is refused for now (429, 503) is sent again.
"""

from __future__ import annotations

import http.client
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.measuring.requests import Template

ROOT: Final = Path(__file__).resolve().parents[2]
_TRY_AGAIN: Final = (429, 503)
_ANSWER_TIMEOUT_S: Final = 120.0
_LONGEST_REST_S: Final = 2.0
_READY: Final = "ready\n"
"""Written before the first request, when a signal to end is understood."""
_MAX_BROKEN: Final = 10
"""Times in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be sent."""

    url: str
    headers: list[dict[str, str]]
    """One for each connection."""
    seconds: float
    rate: float | None = None
    """Spans a second; None: as fast as they are acknowledged."""
    max_spans: int | None = None
    templates: int = 40


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of it."""

    spans: int = 0
    """Acknowledged."""
    sent_bytes: int = 0
    refused: int = 0
    """Answers 429 and 503, and connections that broke; what was refused is sent again."""
    seconds: float = 0.0
    """From the first request to the last answer."""
    cpu_s: float = 0.0
    """Of this process while it sent."""
    began_at: float = 0.0
    """``time.monotonic()``, which processes of one machine have in common."""
    ack_ms: list[float] = field(default_factory=list[float])


class LoadError(Exception):
    """The server said no for good."""


def send(order: Order) -> Sent:
    """Run the load in a process of its own. Raises LoadError."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.measuring.load"],
        cwd=ROOT,
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        timeout=order.seconds + 3 * _ANSWER_TIMEOUT_S,
        check=False,
    )
    return _told(done.returncode, done.stdout.partition("\n")[2], done.stderr)


@contextmanager
def sending(order: Order) -> Iterator[list[Sent]]:
    """Run the load within the block, ``order.seconds`` at most; the list has what became of it.

    The block begins when the load is about to send. The list is filled when it ends. Raises
    LoadError then.
    """
    told: list[Sent] = []
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.measuring.load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(asdict(order)))
        process.stdin.close()
        too_late = threading.Timer(_ANSWER_TIMEOUT_S, process.kill)
        try:
            if process.stdout.readline() == _READY:
                yield told
        finally:
            too_late.start()
            process.terminate()  # it ends its requests and says what it sent
            output, errors = process.stdout.read(), process.stderr.read()
            code = process.wait()
            too_late.cancel()
    told.append(_told(code, output, errors))


def _told(code: int, output: str, errors: str) -> Sent:
    if code:
        raise LoadError((errors.strip().splitlines() or [f"the load ended ({code})"])[-1])
    return Sent(**json.loads(output))


class _Load:
    def __init__(self, order: Order, templates: Sequence[Template]) -> None:
        self._order = order
        self._templates = templates
        self._lock = threading.Lock()
        self._sent = Sent()
        self._planned = 0
        self._began = 0.0
        self._error: str | None = None
        self._is_stopped = False

    def stop(self, *_: object) -> None:
        """Send no further request; ``run`` returns when the last is answered."""
        self._is_stopped = True

    def run(self) -> Sent:
        threads = [
            threading.Thread(target=self._connection, args=(number,))
            for number in range(len(self._order.headers))
        ]
        cpu = _cpu_s()
        self._began = self._sent.began_at = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._error:
            raise LoadError(self._error)
        self._sent.seconds = time.monotonic() - self._began
        self._sent.cpu_s = _cpu_s() - cpu
        return self._sent

    def _connection(self, number: int) -> None:
        place = urlsplit(self._order.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=_ANSWER_TIMEOUT_S)
        headers = {"Content-Type": "application/x-protobuf", **self._order.headers[number]}
        # Stamped in place: no other connection may send from the same bytes.
        mine = self._templates[number :: len(self._order.headers)]
        turn = 0
        try:
            while self._error is None:
                template = mine[turn % len(mine)]
                turn += 1
                due = self._next(template.spans)
                if due is None:
                    break
                body = template.stamp(random.getrandbits(64), time.time_ns())
                self._post(connection, place.path, body, headers)
                took_ms = (time.monotonic() - due) * 1e3
                with self._lock:
                    self._sent.spans += template.spans
                    self._sent.sent_bytes += len(body)
                    self._sent.ack_ms.append(round(took_ms, 2))
        except (OSError, http.client.HTTPException, LoadError) as error:
            self._error = f"{type(error).__name__}: {error}"
        finally:
            connection.close()

    def _next(self, spans: int) -> float | None:
        """Wait until a request is due and return when that was; None if there are no more."""
        order = self._order
        with self._lock:
            before = self._planned
            if self._is_stopped or (order.max_spans is not None and before >= order.max_spans):
                return None
            self._planned += spans
        now = time.monotonic()
        due = now if order.rate is None else self._began + before / order.rate
        if max(due, now) - self._began >= order.seconds:
            return None
        if due > now:
            time.sleep(due - now)
        return due

    def _post(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: bytearray,
        headers: Mapping[str, str],
    ) -> None:
        broken = 0
        while True:
            try:
                connection.request("POST", path, body=body, headers=dict(headers))
                answer = connection.getresponse()
                text = answer.read()
            except (ConnectionError, http.client.HTTPException):
                # As an exporter does: MLflow ends workers that are too busy to answer it.
                connection.close()
                broken += 1
                if broken > _MAX_BROKEN:
                    raise
                with self._lock:
                    self._sent.refused += 1
                time.sleep(_LONGEST_REST_S)
                continue
            if answer.status < 300:
                return
            if answer.status not in _TRY_AGAIN:
                raise LoadError(f"HTTP {answer.status}: {text[:200]!r}")
            with self._lock:
                self._sent.refused += 1
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), _LONGEST_REST_S))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Send what stdin orders; say on stdout what became of it."""
    from benchmarks.measuring.requests import templates  # noqa: PLC0415  # not for the parent

    told: dict[str, Any] = json.load(sys.stdin)
    order = Order(**told)
    load = _Load(order, templates(order.templates))
    signal.signal(signal.SIGTERM, load.stop)
    print(_READY, end="", flush=True)
    try:
        sent = load.run()
    except LoadError as error:
        sys.exit(str(error))
    print(json.dumps(asdict(sent)))


if __name__ == "__main__":
    main()
