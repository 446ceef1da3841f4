"""Every secret there is, put wherever a foreign span can hold text; for tests only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp.dialects.test_calls import CASES
from tests.otlp.dialects.test_content import CASES as CONTENT
from tests.otlp.otlp_requests import failed, pairs, request, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = {
    "private_key": f"-----BEGIN PRIVATE KEY-----{'MIIB' * 8}-----END PRIVATE KEY-----",
    "api_key": "sk-proj-" + "a1B2" * 10,
    "stripe_key": "sk_live_" + "a1B2" * 6,
    "aws_key": "AKIAABCD1234EFGH5678",
    "github_token": "ghp_" + "a" * 36,
    "slack_token": "xoxb-1234567890-abcdef",
    "slack_webhook": "hooks.slack.com/services/T0/B0/abcdefghij",
    "google_key": "AIza" + "b" * 35,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.SflKxwRJSMeKKF2QT4",
    "bearer": "Bearer abcdefghijklmnopqrstuvwxyz",
    "url_password": "postgres://me:hunter22secret@db",
}
PERSONAL = {
    "email": "bob.canary@example.com",
    "iban": "DE89 3704 0044 0532 0130 00",
    "card": "4111 1111 1111 1111",
    "ssn": "123-45-6789",
    "phone": "+49 170 1234567",
}
_CORES = {"private_key": "MIIB" * 8, "url_password": "hunter22secret", "bearer": "abcdefghijklmnop"}
KEY_CANARIES = [_CORES.get(kind, text) for kind, text in KEYS.items()]
CANARIES = [*KEY_CANARIES, *PERSONAL.values()]
POISON = "\n".join(f"here: {text} ." for text in (*KEYS.values(), *PERSONAL.values()))


def spans_with_secrets() -> Iterator[tuple[str, Span]]:
    """Give (scope, span) for each text of each dialect's spans, with the secrets in that text."""
    number = 0
    fixtures = [(case.scope, case.name, case.attributes) for case in CASES.values()]
    fixtures += [("some.tool", "call", attributes) for attributes in CONTENT.values()]
    fixtures += [("no.dialect", "GET /", {"http.route": "/", "http.request.header.x": ["a"]})]
    for scope, name, attributes in fixtures:
        for variant in _variants(attributes):
            number += 1
            yield scope, _span(number, name, variant)


def requests_with_secrets() -> Iterator[bytes]:
    """Give the same as requests, with the secrets in scope and resource too."""
    scopes: dict[str, list[Span]] = {}
    for scope, made in spans_with_secrets():
        scopes.setdefault(scope, []).append(made)
    for scope, spans in scopes.items():
        yield request(*spans, scope=scope, resource={"service.name": "shop", "command": KEYS_ONLY})
    yield request(span(1, trace=99), scope=f"scope {KEYS_ONLY}", resource={KEYS["jwt"]: "a name"})


KEYS_ONLY = "\n".join(KEYS.values())


def texts(value: object) -> Iterator[str]:
    """Give all texts within a value, names of maps too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(cast("dict[str, object]", value)))
        yield from texts(list(cast("dict[str, object]", value).values()))
    elif isinstance(value, (list, tuple)):
        for each in cast("tuple[object, ...]", value):
            yield from texts(each)
    elif hasattr(value, "attributes"):
        event: Any = value
        yield from texts(event.attributes)
        yield getattr(event, "name", "")


def _span(number: int, name: str, attributes: dict[str, Any]) -> Span:
    event = {"exception.message": POISON, "gen_ai.prompt": POISON, "content": POISON}
    return span(
        number, attributes, trace=7, name=f"{name} {POISON}", status=failed(POISON),
        events=[Span.Event(name=f"event {POISON}", attributes=pairs(event))],
        links=[
            Span.Link(
                trace_id=bytes([1] * 16), span_id=bytes([1] * 8), attributes=pairs({"a": POISON})
            )
        ],
    )  # fmt: skip


def _variants(attributes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the attributes once with the secrets in all texts and in a name, then in each alone."""
    yield {**{name: _poisoned(value) for name, value in attributes.items()}, POISON[:200]: "named"}
    for name, value in attributes.items():
        yield {**attributes, name: _poisoned(value)}


def _poisoned(value: object) -> object:
    """Return a value with the secrets in each of its texts, within JSON too."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.dumps(_mapped(json.loads(value), lambda text: f"{text} {POISON}"))
        except ValueError:
            return f"{value} {POISON}"
    return _mapped(value, lambda text: f"{text} {POISON}")


def _mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, change) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        pairs_of = cast("dict[str, object]", value).items()
        return {name: _mapped(each, change) for name, each in pairs_of}
    return value
