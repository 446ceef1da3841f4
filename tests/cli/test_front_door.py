"""Without a session nobody gets behind the door; the token opens one, and is nowhere to be seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from llmtrace.cli.front_door import FrontDoor
from llmtrace.cli.sign_in import COOKIE, SESSION, Attempts, Sessions
from llmtrace.config import Secret
from tests.cli.test_sign_in import TOKEN, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = {"accept": "text/html,application/xhtml+xml"}


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> Iterator[TestClient]:
    inside = Starlette(
        routes=[
            Route("/{path:path}", lambda _request: PlainTextResponse("inside")),
            WebSocketRoute("/_stcore/stream", _socket),
        ]
    )
    door = FrontDoor(inside, Sessions(Secret(TOKEN), clock), Attempts(clock))
    with TestClient(door, follow_redirects=False) as made:
        yield made


def sign_in(client: TestClient, token: str = TOKEN, **fields: str) -> Any:
    return client.post("/sign-in", data={"token": token, **fields})


def test_a_stranger_sees_nothing_but_the_form(client: TestClient) -> None:
    page = client.get("/cost?user=ann&range=7d", headers=PAGE)

    assert page.status_code == 303
    assert page.headers["location"] == "/sign-in?next=%2Fcost%3Fuser%3Dann%26range%3D7d"
    assert page.headers["cache-control"] == "no-store"
    for method, path in (("GET", "/media/a.csv"), ("POST", "/"), ("PUT", "/_stcore/upload_file/a")):
        assert client.request(method, path).status_code == 401
    assert client.get("/_stcore/health").text == "inside"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
        pass


def test_the_token_opens_pages_and_sockets_until_signed_out(client: TestClient) -> None:
    form = client.get("/sign-in?next=/cost")
    assert 'value="/cost"' in form.text
    # Or browsers would not tell where the form was sent from: all other pages have no-referrer.
    assert '<meta name="referrer" content="same-origin">' in form.text
    assert TOKEN not in form.text

    answer = sign_in(client, next="/cost?user=ann")

    assert (answer.status_code, answer.headers["location"]) == (303, "/cost?user=ann")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert f"Max-Age={int(SESSION.total_seconds())}" in cookie
    assert TOKEN not in cookie
    assert client.get("/cost", headers=PAGE).text == "inside"
    assert "You are signed in" in client.get("/sign-in").text
    with client.websocket_connect("/_stcore/stream"):
        pass
    key = client.cookies[COOKIE]
    client.post("/sign-out")
    client.cookies.set(COOKIE, key)
    assert client.get("/cost", headers=PAGE).status_code == 303


def test_behind_tls_the_cookie_is_for_tls_alone(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"token": TOKEN}, headers={"x-forwarded-proto": "https"})

    assert "Secure" in answer.headers["set-cookie"]


def test_a_session_ends_by_itself(client: TestClient, clock: Clock) -> None:
    sign_in(client)
    clock.moment += SESSION

    assert client.get("/", headers=PAGE).status_code == 303


def test_wrong_tokens_are_refused_counted_and_not_told(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = [sign_in(client, f"wrong {number}") for number in range(6)]
        late = sign_in(client)

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert late.status_code == 429
    assert late.headers["retry-after"] == "60"
    assert "This is not the token" in answers[0].text
    assert "set-cookie" not in late.headers
    said = caplog.text + "".join(answer.text for answer in answers)
    assert "wrong 0" not in said
    assert "a sign-in to the dashboards failed" in caplog.text


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
        "/sign-in?next=/", "/a\r\nSet-Cookie: x=1", "/" + "a" * 5_000, "",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere(client: TestClient, following: str) -> None:
    assert sign_in(client, next=following).headers["location"] == "/"
    client.cookies.clear()
    form = client.get("/sign-in", params={"next": following})
    assert 'value="/"' in form.text


def test_what_a_link_says_is_text(client: TestClient) -> None:
    form = client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'})

    assert "<script" not in form.text


def test_a_form_of_another_site_is_refused(client: TestClient) -> None:
    for path in ("/sign-in", "/sign-out"):
        answer = client.post(
            path, data={"token": TOKEN}, headers={"origin": "https://evil.example"}
        )  # fmt: skip
        assert "set-cookie" not in answer.headers
    own = client.post("/sign-in", data={"token": TOKEN}, headers={"origin": "http://testserver"})
    assert own.status_code == 303


def test_what_is_no_form_is_refused(client: TestClient) -> None:
    for body in (b"a" * 9_000, b"\xff\xfe", b"&".join(b"a=1" for _ in range(20))):
        answer = client.post("/sign-in", content=body)
        assert answer.status_code in {400, 401}
        assert "set-cookie" not in answer.headers
