"""On, off, twice, beside others: each billed inference is one counted span, or none if off."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
import wrapt
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import llmtrace
from llmtrace import semconv
from llmtrace.instrument import guard
from llmtrace.instrument.invocation import InnerCalls
from llmtrace.instrument.patches import Patch, Undo
from tests.instrument.contract.playing import adapted, play, take
from tests.instrument.recording import Recorded, spans_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.contract.apis import Api


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Let a fault of ours raise, so that it cannot hide."""
    guard.set_strict(strict=True)
    yield
    assert not guard.faults


def use(
    api: Api,
    provider: LocalProvider,
    *,
    is_async: bool = False,
    stream: bool = False,
    first: Callable[[], object] = lambda: None,
) -> None:
    """Make a client, do what comes ``first``, make one call, read all of a stream, and close."""

    async def call() -> None:
        client = api.client(provider, is_async=is_async)
        first()
        await used(api, client, stream=stream)
        await adapted(api.sdk.close(client))

    play(call(), is_async=is_async)


async def used(api: Api, client: Any, *, stream: bool = False) -> None:
    """Make one call with that client, and read all of a stream."""
    result = await adapted(api.create(client, stream=stream))
    if stream:
        await take(api.chunks(result))


def use_again(api: Api, client: Any) -> None:
    """Make one plain call with a sync client that stays open."""
    play(used(api, client), is_async=False)


def counted(spans: list[dict[str, Any]]) -> int:
    """Return how many of the spans are summed up as inferences."""
    names = [span["attributes"].get(semconv.OPERATION_NAME) for span in spans]
    return sum(name in semconv.INFERENCE_OPERATIONS for name in names)


def test_a_client_built_before_is_recorded(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    def instrument() -> None:
        llmtrace.instrument(home=tmp_path)

    use(api, provider, is_async=is_async, stream=stream, first=instrument)

    assert counted(Recorded(tmp_path).spans()) == 1


def test_instrumenting_twice_records_once(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    llmtrace.instrument(home=tmp_path)
    llmtrace.instrument(home=tmp_path)

    use(api, provider, is_async=is_async, stream=stream)

    assert counted(Recorded(tmp_path).spans()) == 1


def test_after_uninstrument_nothing_is_recorded(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    llmtrace.instrument(home=tmp_path)

    use(api, provider, is_async=is_async, stream=stream, first=llmtrace.uninstrument)

    assert spans_in(tmp_path / "spool") == []
    assert len(provider.requests) == 1


def test_instrumenting_again_after_uninstrument_records_again(
    api: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    client = api.client(provider)
    for _ in range(2):
        llmtrace.instrument(home=tmp_path)
        use_again(api, client)
        llmtrace.uninstrument()

    assert counted(spans_in(tmp_path / "spool")) == 2


def test_a_call_that_is_not_sampled_is_not_recorded(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    llmtrace.instrument(home=tmp_path, sample_ratio=0)

    use(api, provider, is_async=is_async, stream=stream)

    assert Recorded(tmp_path).spans() == []


def test_another_integration_alone_does_not_record_it(
    api: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    other = "anthropic" if api.sdk.name != "anthropic" else "openai"
    llmtrace.instrument(other, home=tmp_path)

    use(api, provider)

    assert Recorded(tmp_path).spans() == []


def test_inside_a_framework_it_is_the_one_counted_span(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    llmtrace.instrument(home=tmp_path)
    inner = InnerCalls()

    # given: a framework's model call around it, as its integration sets it up
    with llmtrace.trace("agent"):
        token = context.attach(context.set_value(semconv.INNER_CALLS_KEY, inner))
        try:
            use(api, provider, is_async=is_async, stream=stream)
        finally:
            context.detach(token)

    # then: the framework knows that somebody else counts
    spans = {span["name"]: span for span in Recorded(tmp_path).spans()}
    call = spans.pop(f"{api.operation} {api.model}")
    assert inner.count == 1
    assert list(spans) == ["agent"]
    assert call["parent_span_id"] == spans["agent"]["span_id"]


def test_answers_from_the_store_are_not_recorded(
    api: Api, provider: LocalProvider, tmp_path: Path
) -> None:
    llmtrace.instrument(home=tmp_path)
    token = context.attach(context.set_value(semconv.OFFLINE_KEY, True))
    try:
        use(api, provider)
    finally:
        context.detach(token)

    assert Recorded(tmp_path).spans() == []


def test_with_the_apps_own_tracer_provider_the_span_is_in_its_trace(
    api: Api, provider: LocalProvider, tmp_path: Path, is_async: bool, stream: bool
) -> None:
    exporter = InMemorySpanExporter()
    given = TracerProvider()
    given.add_span_processor(SimpleSpanProcessor(exporter))
    llmtrace.instrument(home=tmp_path, tracer_provider=given)

    with given.get_tracer("app").start_as_current_span("request"):
        use(api, provider, is_async=is_async, stream=stream)

    spans: dict[str, Any] = {span.name: span for span in exporter.get_finished_spans()}
    call = spans.pop(f"{api.operation} {api.model}")
    assert list(spans) == ["request"]
    assert call.parent.span_id == spans["request"].context.span_id
    assert (call.attributes or {})["gen_ai.usage.input_tokens"]


def test_an_apps_sampler_that_says_no_is_obeyed(
    api: Api, provider: LocalProvider, tmp_path: Path, stream: bool
) -> None:
    exporter = InMemorySpanExporter()
    given = TracerProvider(sampler=ALWAYS_OFF)
    given.add_span_processor(SimpleSpanProcessor(exporter))
    llmtrace.instrument(home=tmp_path, tracer_provider=given)

    use(api, provider, stream=stream)

    assert exporter.get_finished_spans() == ()


# --- another tool on the same functions ---------------------------------------------------------


class Other:
    """Another tool: it wraps functions as instrumentors do, and counts the calls it sees."""

    def __init__(self, targets: list[tuple[Any, str]]) -> None:
        self.seen = 0
        self._targets = targets
        self._before: list[tuple[Any, str, Any]] = []

    def on(self) -> None:
        for owner, name in self._targets:
            original = vars(owner)[name]
            self._before.append((owner, name, original))
            setattr(owner, name, wrapt.FunctionWrapper(original, self._watch))

    def off(self) -> None:
        for owner, name, _ in self._before:
            setattr(owner, name, vars(owner)[name].__wrapped__)
        self._before.clear()

    def _watch(self, wrapped: Any, owner: Any, args: Any, kwargs: Any) -> Any:
        del owner
        self.seen += 1
        return wrapped(*args, **kwargs)


def public_method(api: Api, client: Any) -> list[tuple[Any, str]]:
    """Return the class and name of the method that apps call."""
    return [api.method(client)]


@pytest.fixture
def ours() -> Iterator[Callable[[], list[tuple[Any, str]]]]:
    """Return a function that tells what llmtrace has wrapped now: owners and names.

    Afterwards they are as they came: a wrapper that another tool has covered stays by design.
    """
    originals: dict[tuple[Any, str], Any] = {}

    def find() -> list[tuple[Any, str]]:
        undos = [item for item in gc.get_objects() if type(item) is Undo]
        done = [(owner, name, original) for u in undos for owner, name, original, _ in u._done]
        originals.update({(owner, name): original for owner, name, original in done})
        return list(originals)

    yield find
    llmtrace.uninstrument()
    for (owner, name), original in originals.items():
        setattr(owner, name, original)


@pytest.mark.parametrize("where", ["public method", "our functions"])
@pytest.mark.parametrize("order", ["us first", "them first"])
def test_beside_another_tool_it_is_counted_once_and_everybody_leaves_as_they_came(
    api: Api, provider: LocalProvider, tmp_path: Path, ours: Any, where: str, order: str
) -> None:
    # given: both are active
    client = api.client(provider)
    llmtrace.instrument(home=tmp_path)
    wrapped = ours()
    targets = wrapped if where == "our functions" else public_method(api, client)
    other = Other(targets)
    assert wrapped
    if order == "them first":
        llmtrace.uninstrument()
        other.on()
        llmtrace.instrument(home=tmp_path)
    else:
        other.on()
    if api.sdk.keeps_methods:
        client = api.client(provider)

    # when
    use_again(api, client)
    recorded = len(Recorded(tmp_path).spans())
    llmtrace.uninstrument()
    seen = other.seen
    use_again(api, client)
    other.off()

    # then
    assert recorded == 1
    assert 0 < seen < other.seen
    assert len(spans_in(tmp_path / "spool")) == 1
    left = [vars(owner)[name] for owner, name in wrapped]
    covered = order == "us first" and not set(targets).isdisjoint(wrapped)
    assert covered or not [function for function in left if type(function) is Patch]
