"""Bytes a span takes in the store, as ingested and after ``compact``; with and without bodies.

    python benchmarks/disk.py [--spans 100000]

Spans as our own instrumentation sends them: an agent, three chat calls and a tool in a trace, ids
random, 2 000 users, 12 models, token counts and costs all different. Bodies are random words of
8 000, which compress about as English does. A 2-minute run; nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace.otlp.rows import SpanRow
from llmtrace.store import DATABASE_FILE, Writer
from llmtrace.store.maintenance.rewriting import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_US = 1_795_000_000_000_000
_WORDS = [f"word{number:x}" for number in range(8_000)]
_BATCH = 4_000


def spans(count: int, *, bodies: bool) -> Iterator[SpanRow]:
    """Yield ``count`` spans, five a trace, ten traces a second."""
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


def measure(count: int, *, bodies: bool) -> None:
    """Store the spans as the drain does, compact, and print bytes a span."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, DATABASE_FILE)
        batch: list[SpanRow] = []
        with Writer(path) as writer:
            for row in spans(count, bodies=bodies):
                batch.append(row)
                if len(batch) == _BATCH:
                    writer.insert(batch)
                    batch = []
            writer.insert(batch)
        before = path.stat().st_size
        with Writer(path) as writer:
            started = time.perf_counter()
            writer.replace_file(rewrite)
            took_s = time.perf_counter() - started
        after = path.stat().st_size
    kind = "with bodies" if bodies else "without bodies"
    print(
        f"{count:,} spans {kind}: {before / count:,.0f} bytes a span as ingested, "
        f"{after / count:,.0f} compacted, in {took_s:.1f} s"
    )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    count: int = parser.parse_args().spans
    measure(count, bodies=False)
    measure(count, bodies=True)


if __name__ == "__main__":
    main()
