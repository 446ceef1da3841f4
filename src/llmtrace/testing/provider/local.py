"""``LocalProvider``: routes a request to its API, and answers it by script or by itself.

Holds what a provider remembers between requests: prompt caches, rate-limit buckets, stored
responses, the number of the next id. Everything that has a wire shape is in ``chat``,
``responses``, ``anthropic`` and ``openai``.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from llmtrace.clock import SystemClock
from llmtrace.testing.provider.answers import compose
from llmtrace.testing.provider.events import Event, JsonObject, as_text
from llmtrace.testing.provider.metering import (
    PromptCache,
    RateLimit,
    count_tokens,
    output_tokens,
)
from llmtrace.testing.provider.records import Answer, Counts, Dialect, Prompt, Segment, Turn
from llmtrace.testing.provider.rendering import Content, Pace, render
from llmtrace.testing.provider.responses import RESPONSES, response_id
from llmtrace.testing.provider.route import Memory, Plain, Route
from llmtrace.testing.provider.routes import find_route, vendor_of
from llmtrace.testing.provider.script import Reply, Script, ScriptSource
from llmtrace.testing.provider.server import LoopbackServer, Received, Sending

if TYPE_CHECKING:
    from llmtrace.clock import Clock

_UNKNOWN_MODEL = "nonexistent"
"""A model whose name contains this does not exist; every other name does."""
_MAX_STORED_RESPONSES = 10_000

Latency = float | Callable[[Received], float]


class LocalProvider(LoopbackServer):
    """OpenAI's and Anthropic's APIs on a loopback port; a context manager.

    Any API key is accepted unless it contains "invalid"; any model unless its name contains
    "nonexistent". Answers do not depend on time or order, except for ids and prompt caches.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        script: ScriptSource = None,
        latency_s: Latency = 0.0,
        chunk_delay_s: float = 0.0,
        rate_limit: tuple[int, int] = (10_000, 2_000_000),
        batch_polls: int = 0,
        clock: Clock | None = None,
    ) -> None:
        """Bind ``port`` (0: any free one); OSError if it is taken. Serve after ``start``.

        ``script``: replies to use up first, or a function from request to reply (None: natural).
        ``latency_s``: before the first byte, fixed or by request. ``rate_limit``: requests and
        tokens a minute that the headers report; nothing is refused for exceeding them.
        ``batch_polls``: how often a batch is looked at in vain before it is done.
        """
        super().__init__(self._respond, port=port)
        self._clock = clock or SystemClock()
        self._script = Script(script)
        self._latency_s = latency_s
        self._chunk_delay_s = chunk_delay_s
        self._cache = PromptCache(self._clock)
        self._rate_limit = RateLimit(*rate_limit, self._clock)
        self._numbers = itertools.count()
        self._stored = _StoredResponses()
        self._memory: Memory = {"clock": self._clock, "batch_polls": batch_polls}
        self._memory_lock = threading.Lock()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return self.base_url

    @property
    def openai_url(self) -> str:
        """``base_url`` for the openai SDK."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """``base_url`` for the anthropic SDK."""
        return self.url

    @property
    def waiting_replies(self) -> int:
        """Scripted replies that no request has used up yet."""
        return self._script.waiting

    def enqueue(self, *replies: Reply) -> None:
        """Answer the next requests that fit with ``replies``, one each (or ``times`` each)."""
        self._script.enqueue(*replies)

    def _respond(self, received: Received) -> Sending:
        reply = self._script.take(received) or Reply()
        number = next(self._numbers)
        token = hashlib.sha256(f"{number}:{received.path}".encode()).hexdigest()[:40]
        latency = self._latency_s
        latency_s = latency(received) if callable(latency) else latency
        content, tokens = self._content(received, reply, token)
        headroom = self._rate_limit.take(tokens)
        vendor = vendor_of(received)
        headers = vendor.headers(token, latency_s + reply.delay_s, headroom)
        if content.status >= 400:
            headers |= vendor.error_headers(content.status)
        pace = Pace(latency_s=latency_s, chunk_delay_s=self._chunk_delay_s)
        return render(content, reply, headers, pace)

    def _content(self, received: Received, reply: Reply, token: str) -> tuple[Content, int]:
        """Return what to send, and the tokens it counts against the rate limit."""
        request = received.json_object()
        route = find_route(received)
        dialect = route.dialect if route is not None else None
        name = _api_name(received, route)
        if reply.has_body:
            is_stream = (
                request.get("stream") is True if dialect is None else dialect.is_stream(received)
            )
            return Content(
                status=reply.status,
                events=(Event(None),),
                is_stream=is_stream,
                api=name,
                content_type=dialect.stream_type if dialect is not None and is_stream else None,
            ), 0
        if reply.status >= 400:
            return _failure(received, token, reply.status, reply.message), 0
        if problem := _find_problem(received, route):
            return _failure(received, token, *problem), 0
        if dialect is None:
            return self._lookup(received, route, token, reply.status), 0
        if problem := self._missing_previous(dialect, request):
            return _failure(received, token, *problem), 0
        turn = self._turn(dialect, received, reply, token)
        is_stream = dialect.is_stream(received)
        content = Content(
            status=reply.status,
            events=tuple(dialect.events(turn) if is_stream else [Event(dialect.body(turn))]),
            is_stream=is_stream,
            api=name,
            encode=dialect.encode,
            content_type=dialect.stream_type if is_stream else None,
        )
        return content, turn.counts.input_all + turn.counts.output_all

    def _turn(self, dialect: Dialect, received: Received, reply: Reply, token: str) -> Turn:
        """Decide on the answer and count it."""
        request = received.json_object()
        prompt = dialect.read(request)
        if previous := self._stored.get(as_text(request.get("previous_response_id"))):
            prompt = _continued(prompt, previous)
        model = dialect.model(received)
        answers = tuple(
            reply.answer or compose(prompt, variant) for variant in range(dialect.choices(request))
        )
        turn = Turn(
            token=token,
            created_at=int(self._clock.now().timestamp()),
            request=request,
            model=vendor_of(received).snapshots.get(model, model),
            answers=answers,
            counts=self._count(dialect, model, prompt, answers),
            usage=reply.usage,
        )
        if dialect is RESPONSES and request.get("store") is not False:
            self._stored.put(turn, prompt)
        return turn

    def _count(
        self, dialect: Dialect, model: str, prompt: Prompt, answers: tuple[Answer, ...]
    ) -> Counts:
        is_marked = dialect.caching == "marked"
        meter = self._cache.meter_anthropic if is_marked else self._cache.meter_openai
        thought = sum(count_tokens(answer.reasoning) for answer in answers)
        return replace(
            meter(model, prompt.segments),
            output_text=output_tokens(answers),
            reasoning=thought if is_marked else max(prompt.reasoning_tokens, thought),
        )

    def _missing_previous(
        self, dialect: Dialect, request: JsonObject
    ) -> tuple[int, str | None] | None:
        previous = request.get("previous_response_id")
        if dialect is not RESPONSES or not previous or self._stored.get(as_text(previous)):
            return None
        return 400, f"Previous response with id '{previous}' not found."

    def _lookup(self, received: Received, route: Route | None, token: str, status: int) -> Content:
        """Answer what is not an inference: embeddings, token counts, lists, stored responses."""
        if route is not None and route.answer is not None:
            with self._memory_lock:
                found = route.answer(received, token, self._memory)
            return _plain(
                found if status == 200 else replace(found, status=status), received, route
            )
        if received.method == "GET" and received.path.startswith("/v1/responses/"):
            return self._stored_response(received, token)
        text = f"Invalid URL ({received.method} {received.path})"
        return _failure(received, token, 404, text)

    def _stored_response(self, received: Received, token: str) -> Content:
        name = received.path.rpartition("/")[2]
        stored = self._stored.get(name)
        if stored is None:
            return _failure(received, token, 404, f"Response with id '{name}' not found.")
        turn = stored[0]
        if received.query.get("stream") != ["true"]:
            return _plain(Plain(body=RESPONSES.body(turn)), received, None)
        after = received.query.get("starting_after", [""])[0]
        first = int(after) + 1 if after.isdecimal() else 0
        events = tuple(RESPONSES.events(turn)[first:])
        return Content(status=200, events=events, is_stream=True, api=RESPONSES.name)


class _StoredResponses:
    """Responses that can be fetched and continued, the newest ones; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, tuple[Turn, Prompt]] = OrderedDict()

    def put(self, turn: Turn, prompt: Prompt) -> None:
        with self._lock:
            self._turns[response_id(turn)] = (turn, prompt)
            if len(self._turns) > _MAX_STORED_RESPONSES:
                self._turns.popitem(last=False)

    def get(self, name: str) -> tuple[Turn, Prompt] | None:
        with self._lock:
            return self._turns.get(name)


def _continued(prompt: Prompt, previous: tuple[Turn, Prompt]) -> Prompt:
    """Put what was said before in front; it is billed as input again."""
    turn, before = previous
    said = Segment(text=f"assistant: {turn.answers[0].text}\n")
    return replace(
        prompt,
        segments=(*before.segments, said, *prompt.segments),
        user_text=prompt.user_text or before.user_text,
    )


def _api_name(received: Received, route: Route | None) -> str:
    if route is not None and route.dialect is not None:
        return route.dialect.name
    return received.path.rpartition("/")[2]


def _find_problem(received: Received, route: Route | None) -> tuple[int, str | None] | None:
    """Return (status, message or None for the usual one) of a request that is refused."""
    if received.credential == "invalid":
        return 401, None
    if received.credential == "missing" and vendor_of(received).needs_key:
        return 401, "You didn't provide an API key."
    if received.method != "POST":
        return None
    if not isinstance(received.json, dict):
        is_refused = route is None or route.needs_json
        return (400, "We could not parse the JSON body of your request.") if is_refused else None
    request = received.json_object()
    if _UNKNOWN_MODEL in _model(received, route):
        return 404, None
    find = (route.dialect.problem if route.dialect else route.problem) if route else None
    problem = find(request) if find else None
    return (400, problem[1]) if problem else None


def _model(received: Received, route: Route | None) -> str:
    if route is not None and route.dialect is not None:
        return route.dialect.model(received)
    return as_text(received.json_object().get("model"))


def _failure(received: Received, token: str, status: int, message: str | None) -> Content:
    route = find_route(received)
    vendor = vendor_of(received)
    body = vendor.error(status, _model(received, route), message, token)
    return _plain(Plain(body=body, status=status), received, route)


def _plain(found: Plain, received: Received, route: Route | None) -> Content:
    return Content(
        status=found.status,
        events=(Event(found.body),) if found.events is None else found.events,
        is_stream=found.events is not None,
        api=_api_name(received, route),
        content_type=found.content_type if found.events is None else None,
    )
