"""What an app had to drop is counted by reason, in the store and by doctor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
from click.testing import CliRunner

import llmtrace
from llmtrace.cli.doctor import command
from llmtrace.instrument import runtime
from llmtrace.store import open_store
from llmtrace.store.queries import store_counts
from llmtrace.testing.provider import LocalProvider

if TYPE_CHECKING:
    from pathlib import Path

ASK: Any = [{"role": "user", "content": "word " * 1_000}]


def test_calls_that_do_not_fit_the_queue_are_counted_where_people_look(tmp_path: Path) -> None:
    llmtrace.instrument(home=tmp_path, max_queue_bytes=20_000, flush_interval_s=60)
    with LocalProvider() as provider:
        client = openai.OpenAI(base_url=provider.openai_url, api_key="none")
        for _ in range(6):
            client.chat.completions.create(model="gpt-5-mini", messages=ASK)
        dropped = runtime.active.pipeline.dropped["queue_full"] if runtime.active else 0
        assert llmtrace.flush(10)
        client.chat.completions.create(model="gpt-5-mini", messages=ASK)
    llmtrace.uninstrument()

    with open_store(tmp_path) as store:
        stored = store.sql("select count(*) as n from llm_calls").to_pylist()[0]["n"]
        counts = store_counts(store)
        resources = store.sql("select count(*) as n from resources").to_pylist()[0]["n"]
    shown = CliRunner().invoke(command, ["--home", str(tmp_path), "--json"]).stdout
    assert dropped > 0
    assert stored + dropped == 7
    assert counts == {"lost.queue_full": dropped}
    assert resources == 1
    assert any(item["about"] == "lost" for item in json.loads(shown))
