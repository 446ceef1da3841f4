"""What the background thread does with one ended call: CPU microseconds, and MB/s of redaction.

The prompts are prose as people send it, with numbers, links, names of things and now and then an
address: text in which there is nothing to look at twice would flatter.
"""

from __future__ import annotations

import functools
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import httpx2
import openai

import llmtrace
from benchmarks.measuring.workload import answer
from llmtrace.config import load_settings
from llmtrace.instrument.finish import Finisher
from llmtrace.instrument.pipeline import Pipeline
from llmtrace.redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

_SENTENCES: Final = (
    "the of and to in is that for language model answers a question about prices in Norway (see "
    "below) where 3 of 10 customers, with ids 48213 and 2026-11-20T10:15:30Z, asked for support; "
    "def read_configuration(path): return json.loads(path.read_text()) # https://example.org/a/b "
    "invoice number INV-2026-000183 total 1,204.50 EUR x = y + 1 'quoted' 12.5% and so on."
)


def prose(size_bytes: int) -> str:
    """Return that much text, always the same; an e-mail address about every 20 KB."""
    draw = random.Random(1)  # noqa: S311  # text, not secrets
    known = _SENTENCES.split()
    words: list[str] = []
    size = 0
    while size < size_bytes:
        word = draw.choice(known) if draw.random() > 0.0003 else "jane.doe@example.com"
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[:size_bytes]


def steps(rounds: int) -> list[tuple[str, float, float]]:
    """Return (step, µs, MB/s of prompt) for a short and a 200 KB prompt."""
    found: list[tuple[str, float, float]] = []
    for size in (2_000, 200_000):
        text = prose(size)
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
        redact = functools.partial(Redactor("redacted").json_text, body)
        finish = functools.partial(
            Finisher(load_settings({})).finish, [_ended_call(text)], encode=True, drops={}
        )
        finish()  # loads the price book
        for step, spent_us in (
            ("redact", _median_us(lambda redact=redact: redact(Counter()), rounds)),
            ("describe, price, redact, encode", _median_us(finish, rounds)),
        ):
            found.append((f"{step}, {size // 1000} KB prompt", spent_us, size / spent_us))
    return found


def _ended_call(text: str) -> Any:
    """Return what the caller's thread leaves behind of one chat call."""
    kept: list[Any] = []
    submit = Pipeline.submit
    setattr(Pipeline, "submit", lambda _, ended: kept.append(ended))  # noqa: B010  # for this call
    try:
        with tempfile.TemporaryDirectory() as home:
            llmtrace.instrument(home=home)
            http = httpx2.Client(transport=httpx2.MockTransport(answer))
            client = openai.OpenAI(api_key="none", http_client=http)
            client.chat.completions.create(
                model="gpt-5-mini", messages=[{"role": "user", "content": text}]
            )
            llmtrace.uninstrument()
    finally:
        setattr(Pipeline, "submit", submit)  # noqa: B010  # put back
    (ended,) = kept
    return ended


def _median_us(run: Callable[[], object], rounds: int) -> float:
    times: list[float] = []
    for _ in range(max(5, rounds) * 5):
        started = time.thread_time_ns()
        run()
        times.append((time.thread_time_ns() - started) / 1_000)
    return statistics.median(times)
