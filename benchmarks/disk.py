"""Bytes a span takes in the store, as ingested and after ``compact``.

    python benchmarks/disk.py [--spans 100000]

Three kinds of traffic, all an agent, three chat calls and a tool in a trace, ids random, 2 000
users, 12 models, counts of tokens all different:

- what ``throughput.py`` sends: OTLP of 1.8 KB a span, read, redacted and priced as the collector
  does it; texts of some words that are frequent and many that are seldom, as a language has them;
- our own instrumentation's spans without bodies;
- the same with bodies, whose words are all as frequent: less can be compressed than of English.

A 2-minute run; nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.measuring.requests import SPANS, templates
from llmtrace.config import load_settings
from llmtrace.otlp.redacting import RowRedactor
from llmtrace.otlp.rows import SpanRow
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.batch import Batch, batch_of
from llmtrace.store.chunks import Reading
from llmtrace.store.maintenance.rewriting import rewrite
from llmtrace.store.pricing import settings_pricer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_START_US = 1_795_000_000_000_000
_WORDS = [f"word{number:x}" for number in range(8_000)]
_REQUESTS_OF_A_BATCH = 8
_BATCH = SPANS * _REQUESTS_OF_A_BATCH


def received(count: int) -> Iterator[Batch]:
    """Yield ``count`` spans as they are stored of requests, five a trace, four requests a second.

    Prints how large they were.
    """
    with tempfile.TemporaryDirectory() as home:  # no prices but the list's
        settings = load_settings({}, home=Path(home))
        reading = Reading(settings_pricer(settings), RowRedactor(settings.capture_content))
    requests = templates(count // SPANS)
    print(f"{sum(len(each.payload) for each in requests) / count:,.0f} bytes a span as received")
    for first in range(0, len(requests), _REQUESTS_OF_A_BATCH):
        now_ns = _START_US * 1_000 + first * 250_000_000
        payloads = [
            bytes(each.stamp(0, now_ns + place * 250_000_000))
            for place, each in enumerate(requests[first : first + _REQUESTS_OF_A_BATCH])
        ]
        yield reading.read(payloads, datetime.fromtimestamp(now_ns / 1e9, UTC)).batch


def made(count: int, *, bodies: bool) -> Iterator[Batch]:
    """Yield ``count`` spans as our own instrumentation has them, five a trace."""
    rows = list(spans(count, bodies=bodies))
    for first in range(0, count, _BATCH):
        yield batch_of([rows[first : first + _BATCH]])


def spans(count: int, *, bodies: bool) -> Iterator[SpanRow]:
    """Yield ``count`` rows, five a trace, ten traces a second."""
    draw = random.Random(7)  # noqa: S311  # figures, not secrets
    trace_id, user = b"", ""
    for number in range(count):
        trace, place = divmod(number, 5)
        if place == 0:
            trace_id, user = draw.randbytes(16), f"user-{draw.randrange(2_000)}"
        start = _START_US + trace * 100_000 + place * 20_000 + draw.randrange(5_000)
        is_call = 0 < place < 4
        took = draw.randrange(200_000, 9_000_000)
        tokens, written = draw.randrange(50, 9_000), draw.randrange(5, 900)
        cost = Decimal(tokens * 125 + written * 1_000) / 10**8
        body = None
        if bodies and is_call:
            text = " ".join(draw.choices(_WORDS, k=draw.randrange(80, 500)))
            body = json.dumps({"messages": [{"role": "user", "content": text}]})
        yield SpanRow(
            trace_id=trace_id, span_id=draw.getrandbits(64) or 1, start_time_us=start,
            end_time_us=start + took, duration_ns=took * 1_000 + draw.randrange(1_000),
            name="chat gpt-5" if is_call else "agent", kind="client", service="shop",
            environment="prod", is_inference=is_call, sdk="openai", api="openai.chat",
            operation="chat" if is_call else "invoke_agent", provider="openai",
            request_model=f"gpt-{draw.randrange(12)}", user_id=user, tenant="acme",
            session_id=trace_id.hex()[:12], feature="support", tags={"team": "core"},
            finish_reasons=("stop",), response_id=f"chatcmpl-{draw.getrandbits(96):024x}",
            request_id=f"req_{draw.getrandbits(96):024x}", ttfc_ns=took * 300,
            input_tokens=tokens if is_call else None, output_tokens=written if is_call else None,
            cost_usd=cost if is_call else None, cost_source="list" if is_call else None,
            cost_input_usd=cost / 2 if is_call else None, price_version="genai-prices 0.2.3",
            attributes={"server.address": "api.openai.com", "gen_ai.request.temperature": "0.2",
                        "openai.system_fingerprint": f"fp_{draw.randrange(9)}"},
            resource={"service.name": "shop", "host.name": "a"},
            request_body=body, response_body=body and body[: len(body) // 3],
            usage_raw=json.dumps({"prompt_tokens": tokens}) if body else None,
        )  # fmt: skip


def measure(kind: str, batches: Iterable[Batch]) -> None:
    """Store the spans as the drain does, compact, and print bytes a span."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, DATABASE_FILE)
        with Writer(path) as writer:
            for batch in batches:
                writer.insert_batch(batch)
            (stored,) = writer.sql("select count(*) n from spans").column("n").to_pylist()
        before = path.stat().st_size
        with Writer(path) as writer:
            started = time.perf_counter()
            writer.replace_file(rewrite)
            took_s = time.perf_counter() - started
        after = path.stat().st_size
    print(
        f"{stored:,} spans {kind}: {before / stored:,.0f} bytes a span as ingested, "
        f"{after / stored:,.0f} compacted, in {took_s:.1f} s"
    )


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    count: int = parser.parse_args().spans
    measure("as received", received(count))
    measure("of ours, without bodies", made(count, bodies=False))
    measure("of ours, with bodies", made(count, bodies=True))


if __name__ == "__main__":
    main()
