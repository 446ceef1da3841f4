"""Who signs in comes back to the page they asked for, and to nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from llmtrace.cli.deep_link import COOKIE, DeepLink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

HERE = "https://llm.test"
PROVIDER = "https://provider.test/authorize?state=1"


async def callback(request: Request) -> RedirectResponse:
    answer = RedirectResponse(request.query_params.get("to", "/"), 302)
    answer.set_cookie("_streamlit_user", "ann")
    return answer


@pytest.fixture
def client() -> Iterator[TestClient]:
    inside = Starlette(
        routes=[
            Route("/auth/login", lambda _request: RedirectResponse(PROVIDER, 302)),
            Route("/oauth2callback", callback),
            Route("/{path:path}", lambda _request: PlainTextResponse("a page")),
        ]
    )
    with TestClient(DeepLink(inside), base_url=HERE, follow_redirects=False) as made:
        yield made


def landing(client: TestClient, referer: str | None, **headers: str) -> str:
    """Sign in at a page; return where one is afterwards."""
    told = {"referer": referer} if referer is not None else {}
    out = client.get("/auth/login?provider=x", headers={**told, **headers})
    assert out.headers["location"] == PROVIDER
    return client.get("/oauth2callback?code=1&state=1").headers["location"]


@pytest.mark.parametrize(
    "path", ["/cost?user=ann&range=7d", "/what_if", "/traces?q=user%3A%22Ada%20B%22", "/?range=7d"]
)
def test_one_comes_back_to_the_page_where_one_chose_to_sign_in(
    client: TestClient, path: str
) -> None:
    assert landing(client, HERE + path) == path


@pytest.mark.parametrize(
    "referer",
    [
        None,
        "",
        f"{HERE}//evil.test/cost",
        f"{HERE}/\\evil.test",
        f"{HERE}/auth/logout",
        f"{HERE}/oauth2callback?code=1",
        f"{HERE}/_stcore/health",
        f"{HERE}/media/a.html",
        f"{HERE}/%2F%2Fevil.test",
        f"{HERE}/cost%0d%0aset-cookie:a=b",
        "http://[",
    ],
)
def test_what_is_no_page_of_ours_leads_to_the_first_page(
    client: TestClient, referer: str | None
) -> None:
    assert landing(client, referer) == "/"


def test_a_link_on_another_site_chooses_no_page(client: TestClient) -> None:
    found = landing(client, "https://evil.test/cost", **{"sec-fetch-site": "cross-site"})

    assert found == "/"


def test_a_view_too_long_for_a_cookie_leads_to_its_page(client: TestClient) -> None:
    assert landing(client, f"{HERE}/cost?user={'x' * 4_000}") == "/cost"


@pytest.mark.parametrize(
    "value", ["https%3A%2F%2Fevil.test", "%2F%2Fevil.test", "%2Fauth%2Flogout"]
)
def test_a_cookie_that_somebody_else_put_there_leads_nowhere_else(
    client: TestClient, value: str
) -> None:
    answer = client.get("/oauth2callback?code=1", headers={"cookie": f"{COOKIE}={value}"})

    assert answer.headers["location"] == "/"


def test_the_cookie_is_for_the_way_back_alone_and_used_once(client: TestClient) -> None:
    out = client.get("/auth/login", headers={"referer": f"{HERE}/cost?user=ann"})
    kept = out.headers["set-cookie"]
    assert {"HttpOnly", "Path=/oauth2callback", "SameSite=lax", "Secure", "Max-Age=900"} <= set(
        kept.split("; ")
    )
    assert "cookie" not in client.get("/cost").request.headers

    back = client.get("/oauth2callback?code=1")

    assert back.headers["location"] == "/cost?user=ann"
    assert "_streamlit_user=ann" in back.headers["set-cookie"]
    assert client.get("/oauth2callback?code=1").headers["location"] == "/"


def test_a_way_back_that_leads_elsewhere_is_left_alone(client: TestClient) -> None:
    client.get("/auth/login", headers={"referer": f"{HERE}/cost"})

    assert client.get("/oauth2callback?to=/error").headers["location"] == "/error"
