"""What llmtrace adds to an LLM call: function calls (exact) and CPU time (with its noise).

    python benchmarks/overhead.py [--rounds 15] [--json]

The real SDK clients run on an in-process transport. Blocks without and with instrumentation
alternate in one process; the figure is the median of the paired differences of the calling thread's
CPU time. The same with two uninstrumented blocks (A/A) is the noise: smaller differences mean
nothing. For scale, a bare OpenTelemetry SDK span with 20 attributes is measured in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import openai
from opentelemetry.sdk.trace import TracerProvider

import llmtrace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

warnings.filterwarnings("ignore", category=DeprecationWarning)

CHUNKS = 200
_WORDS = "word " * 120
_CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": _WORDS}}
    ],
    "usage": {"prompt_tokens": 500, "completion_tokens": 120, "total_tokens": 620},
}  # fmt: skip
_MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": _WORDS}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 500, "output_tokens": 120},
}  # fmt: skip
_EMBEDDINGS = {
    "object": "list", "model": "text-embedding-3-small",
    "data": [
        {"object": "embedding", "index": i, "embedding": [0.5] * 1536} for i in range(64)
    ],
    "usage": {"prompt_tokens": 64, "total_tokens": 64},
}  # fmt: skip
_CHUNK = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
    "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}],
}  # fmt: skip


class _Chunks(httpx2.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        piece = b"data: " + json.dumps(_CHUNK).encode() + b"\n\n"
        for _ in range(CHUNKS):
            yield piece
        yield b"data: [DONE]\n\n"


_BODIES = {
    "/v1/chat/completions": json.dumps(_CHAT).encode(),
    "/v1/messages": json.dumps(_MESSAGE).encode(),
    "/v1/embeddings": json.dumps(_EMBEDDINGS).encode(),
}


def _answer(request: httpx2.Request) -> httpx2.Response:
    if b'"stream":true' in request.content:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=_Chunks())
    headers = {"content-type": "application/json"}
    return httpx2.Response(200, headers=headers, content=_BODIES[request.url.path])


@dataclass
class Figure:
    """One case."""

    case: str
    base_us: float
    added_us: float
    noise_us: float
    added_calls: int
    added_c_calls: int


def cases() -> dict[str, tuple[Callable[[], Any], int]]:
    """Return case → (one call, calls in a block)."""
    http = httpx2.Client(transport=httpx2.MockTransport(_answer))
    chat = openai.OpenAI(api_key="none", http_client=http)
    claude = anthropic.Anthropic(api_key="none", http_client=http)
    short: Any = [{"role": "user", "content": "word " * 400}]
    long: Any = [{"role": "user", "content": "word " * 40_000}]

    def stream() -> None:
        for _ in chat.chat.completions.create(model="gpt-5-mini", messages=short, stream=True):
            pass

    return {
        "chat": (lambda: chat.chat.completions.create(model="gpt-5-mini", messages=short), 40),
        "chat, 200 KB prompt": (
            lambda: chat.chat.completions.create(model="gpt-5-mini", messages=long), 20,
        ),
        "message (anthropic)": (
            lambda: claude.messages.create(
                model="claude-sonnet-5", max_tokens=9, messages=short
            ), 60,
        ),
        f"stream of {CHUNKS} chunks": (stream, 2),
        "embeddings, 64 x 1536": (
            lambda: chat.embeddings.create(
                model="text-embedding-3-small", input=["x"] * 64, encoding_format="float"
            ), 5,
        ),
    }  # fmt: skip


def thread_us(call: Callable[[], Any], times: int) -> float:
    """Return the calling thread's CPU time of one call, in microseconds."""
    started = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - started) / times / 1_000


def count(call: Callable[[], Any]) -> tuple[int, int]:
    """Return how many Python and C functions one call enters on this thread."""
    entered = {"call": 0, "c_call": 0}

    def note(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        if event in entered:
            entered[event] += 1

    for _ in range(3):
        call()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered["call"], entered["c_call"]


def measure(call: Callable[[], Any], times: int, rounds: int, home: Path) -> tuple[float, ...]:
    """Return (base, added, noise) in microseconds a call: medians of paired differences."""
    base: list[float] = []
    added: list[float] = []
    noise: list[float] = []
    for _ in range(rounds):
        llmtrace.uninstrument()
        call()
        first = thread_us(call, times)
        second = thread_us(call, times)
        llmtrace.instrument(home=home)
        call()
        instrumented = thread_us(call, times)
        base.append(first)
        noise.append(abs(second - first))
        added.append(instrumented - (first + second) / 2)
    llmtrace.uninstrument()
    return statistics.median(base), statistics.median(added), statistics.median(noise)


def bare_otel_span_us(rounds: int) -> float:
    """Return what an OpenTelemetry SDK span with 20 attributes costs, started and ended."""
    tracer = TracerProvider().get_tracer("bench")
    attributes = {f"gen_ai.attribute.{i}": "value" for i in range(20)}

    def span() -> None:
        with tracer.start_as_current_span("chat gpt-5-mini", attributes=attributes):
            pass

    return statistics.median(thread_us(span, 500) for _ in range(rounds))


def run(rounds: int, home: Path) -> list[Figure]:
    """Measure every case."""
    figures: list[Figure] = []
    for name, (call, times) in cases().items():
        llmtrace.uninstrument()
        plain = count(call)
        llmtrace.instrument(home=home)
        watched = count(call)
        gc.collect()
        base, added, noise = measure(call, times, rounds, home)
        calls, c_calls = watched[0] - plain[0], watched[1] - plain[1]
        figures.append(Figure(name, base, added, noise, calls, c_calls))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.rounds, Path(folder))
    span_us = bare_otel_span_us(options.rounds)
    if options.json:
        print(json.dumps({"bare_otel_span_us": span_us, "cases": [asdict(f) for f in figures]}))
        return
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"openai {openai.__version__}, anthropic {anthropic.__version__}, {options.rounds} rounds"
    )
    print(f"{'case':<24}{'call':>10}{'added':>9}{'A/A noise':>11}{'added calls':>13}{'+ C':>6}")
    for f in figures:
        print(
            f"{f.case:<24}{f.base_us:>8.0f}us{f.added_us:>7.1f}us{f.noise_us:>9.1f}us"
            f"{f.added_calls:>13}{f.added_c_calls:>6}"
        )
    print(f"{'bare OTel SDK span':<24}{'':>10}{span_us:>7.1f}us  (20 attributes, no export)")


if __name__ == "__main__":
    main()
