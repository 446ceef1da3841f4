"""Between ``instrument()`` and the process's end: nothing that is under way is lost or held up."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry.trace import SpanKind

import llmtrace
from llmtrace.config import load_settings
from llmtrace.instrument import runtime
from llmtrace.instrument.finish import Finisher
from llmtrace.instrument.pipeline import Pipeline
from llmtrace.instrument.spans import OwnSpan, unsampled_context
from llmtrace.instrument.step import Step
from llmtrace.spool import is_owned, list_segments
from llmtrace.testing.provider.server import LoopbackServer, Received, Sending
from tests.instrument import scripts
from tests.instrument.contract.apis_openai import CHAT
from tests.instrument.recording import decoded, payloads_in, spans_in
from tests.instrument.test_pipeline import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider


def names(home: Path) -> list[str]:
    """Return the names of the spans in the spool."""
    return [span["name"] for span in spans_in(home / "spool")]


def test_a_stream_that_ends_after_uninstrument_is_written(
    provider: LocalProvider, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    stream = CHAT.create(CHAT.client(provider), stream=True)
    next(stream)
    llmtrace.uninstrument()

    list(stream)

    wait_for(lambda: names(tmp_path))
    (span,) = spans_in(tmp_path / "spool")
    assert span["attributes"]["llmtrace.stream.outcome"] == "completed"
    (segment,) = list_segments(tmp_path / "spool")
    wait_for(lambda: not is_owned(segment))


def test_a_stream_that_ends_after_a_second_instrument_goes_where_it_began(
    provider: LocalProvider, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path / "one")
    stream = CHAT.create(CHAT.client(provider), stream=True)
    llmtrace.instrument(home=tmp_path / "two")

    list(stream)

    wait_for(lambda: names(tmp_path / "one"))
    assert llmtrace.flush()
    assert names(tmp_path / "two") == []


def test_a_stream_that_ends_after_uninstrument_reaches_the_endpoint(
    provider: LocalProvider, tmp_path: Path
) -> None:
    def accept(_: Received) -> Sending:
        return Sending(status=200, headers={}, pieces=(b"",), is_chunked=False)

    with LoopbackServer(accept) as endpoint:
        llmtrace.instrument(home=tmp_path, endpoint=f"http://127.0.0.1:{endpoint.port}")
        client = CHAT.client(provider)
        CHAT.create(client)
        stream = CHAT.create(client, stream=True)
        llmtrace.uninstrument()

        list(stream)

        wait_for(lambda: len(endpoint.requests) == 2)
        assert len(decoded(endpoint.requests[1].body)) == 1


def test_a_stream_that_outlives_uninstrument_is_written_at_the_process_s_end(
    tmp_path: Path,
) -> None:
    """With the thread of before gone, the exit flush must be in place again."""
    scripts.finish(
        scripts.start(
            """
            llmtrace.instrument(home=sys.argv[1], flush_interval_s=0.3)
            ask()
            stream = client.chat.completions.create(model="late", messages=[], stream=True)
            llmtrace.uninstrument()
            time.sleep(0.5)
            stream.close()
            """,
            tmp_path,
        )
    )

    assert names(tmp_path) == ["chat gpt-4o-mini", "chat late"]


def test_instrumenting_from_many_threads_at_once_records_each_call_once(
    provider: LocalProvider, tmp_path: Path
) -> None:
    threads = [
        threading.Thread(target=llmtrace.instrument, kwargs={"home": tmp_path}) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    CHAT.create(CHAT.client(provider))

    assert llmtrace.flush(5)
    assert len(names(tmp_path)) == 1


LARGE_BYTES = 400_000


class LargeStep(Step):
    """A record of a call's size."""

    @property
    def size_bytes(self) -> int:
        """As many as there are in its span."""
        return LARGE_BYTES


def large(number: int) -> LargeStep:
    """Return a record with 400 000 bytes in it."""
    text = {"text": "x" * LARGE_BYTES}
    span = OwnSpan("large", SpanKind.INTERNAL, unsampled_context(), None)
    span.set_attributes(text)
    step = LargeStep(f"step {number}", {}, span, {})
    step.end_mono_ns = time.monotonic_ns()
    return step


def test_large_calls_are_written_in_several_requests(tmp_path: Path) -> None:
    """A request over a receiver's limit, or over that of a frame, would never get through."""
    settings = load_settings({}, home=tmp_path, flush_interval_s=60)
    pipeline = Pipeline(settings, Finisher(settings), stores=True)
    for number in range(30):
        pipeline.submit(large(number))

    assert pipeline.flush(10)
    pipeline.close()

    assert len(names(tmp_path)) == 30
    assert max(map(len, payloads_in(tmp_path / "spool"))) < 2_000_000


def exit_time_s(body: str, *arguments: object) -> float:
    """Run an app whose last line prints the time; return how long its exit took, in seconds."""
    tell = "\nprint(time.monotonic(), flush=True)"
    out = scripts.finish(scripts.start(body + tell, *arguments))
    return time.monotonic() - float(out)


@pytest.mark.parametrize("each_s", [0.2, 60.0])
def test_the_exit_takes_no_longer_than_it_may(tmp_path: Path, each_s: float) -> None:
    body = (
        "llmtrace.instrument(home=sys.argv[1], exit_flush_s=1.0,"
        " redact=lambda text: time.sleep(float(sys.argv[2])) or text)\n"
        "for n in range(300): ask()\n"
        "time.sleep(0.1)"
    )

    # All would take a minute at least; the interpreter's own end takes seconds on a busy machine.
    assert exit_time_s(body, tmp_path, each_s) < 15


def test_an_interrupted_app_s_calls_are_written_and_only_its_own_traceback_is_shown(
    tmp_path: Path,
) -> None:
    process = scripts.start(
        "llmtrace.instrument(home=sys.argv[1])\nask()\nraise KeyboardInterrupt", tmp_path
    )

    _, err = process.communicate(timeout=60)

    assert process.returncode != 0
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert "llmtrace" not in err
    assert names(tmp_path) == ["chat gpt-4o-mini"]


def test_a_handler_of_the_app_that_fails_at_exit_costs_nothing(tmp_path: Path) -> None:
    process = scripts.start(
        "llmtrace.instrument(home=sys.argv[1])\n"
        "import atexit; atexit.register(lambda: 1 / 0)\n"
        "atexit.register(ask)\nask()",
        tmp_path,
    )

    _, err = process.communicate(timeout=60)

    assert err.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert len(names(tmp_path)) == 2


MODULES = """
ask()
for _ in client.chat.completions.create(model="m", messages=[], stream=True): pass
llmtrace.flush()
ours = {"llmtrace", "opentelemetry", "wrapt", "genai_prices"}
print(json.dumps(sorted(m for m in sys.modules if m.partition(".")[0] not in ours)))
"""


def test_of_the_sdk_and_what_it_uses_nothing_is_loaded_that_the_app_did_not_load(
    tmp_path: Path,
) -> None:
    instrumented = f"llmtrace.instrument(home={str(tmp_path)!r})"
    plain = json.loads(scripts.finish(scripts.start(MODULES)))
    ours = json.loads(scripts.finish(scripts.start(f"{instrumented}\n{MODULES}")))
    early = json.loads(
        scripts.finish(scripts.start(MODULES, before=f"import llmtrace\n{instrumented}\n"))
    )

    standard = __import__("sys").stdlib_module_names
    for loaded in (ours, early):
        more = {name for name in set(loaded) - set(plain) if name.partition(".")[0] not in standard}
        assert more == set()
        assert set(plain) <= set(loaded)
    assert runtime.active is None


def test_an_app_s_own_client_class_is_recorded_once(
    provider: LocalProvider, tmp_path: Path
) -> None:
    class Client(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return super().request(*args, **kwargs)

    llmtrace.instrument(home=tmp_path)

    CHAT.create(Client(base_url=provider.openai_url, api_key="any"))

    assert llmtrace.flush(5)
    assert len(names(tmp_path)) == 1
