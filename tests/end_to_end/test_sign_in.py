"""Signing in by a provider, in a real Chromium, to one tenant's figures; and out again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.seeding import conversation_trace, fill, recently
from tests.end_to_end.browsing import browser, dashboard, watch
from tests.end_to_end.oidc_provider import CLIENT, CLIENT_SECRET, oidc_provider
from tests.store.calls import call, minutes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]


@pytest.mark.usefixtures("chromium")
def test_a_provider_signs_in_to_one_tenants_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    fill(tmp_path, [*conversation_trace(recently()), call(now - minutes(5), tenant="globex")])
    monkeypatch.setenv("LLMTRACE_DASHBOARD_SIGN_IN", "oidc")
    claims = {"email": "ann@example.com", "email_verified": True, "tenants": ["globex"]}
    with oidc_provider(claims) as issuer:
        (tmp_path / "secrets.toml").write_text(
            f'[auth]\nredirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"\n'
            f'cookie_secret = "{"c" * 40}"\nclient_id = "{CLIENT}"\n'
            f'client_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
        )
        with dashboard(tmp_path) as url, browser() as chrome:
            shown = watch(chrome, url)
            page = shown.page
            shown.open("/cost?range=7d&feature=support+bot")
            page.get_by_text("These dashboards are for people who sign in.").wait_for()
            assert page.locator("[data-testid=stMetric]").count() == 0

            page.get_by_role("button", name="Sign in").click()
            page.locator("#go").click()

            page.get_by_text("Only globex").wait_for()
            page.get_by_text("ann@example.com").wait_for()
            page.get_by_role("heading", name="Cost", exact=True).wait_for()
            assert page.url == f"{url}/cost?range=7d&feature=support+bot"
            page.locator("[data-testid=stMetric]").first.wait_for()
            assert page.get_by_role("link", name="SQL console").count() == 0
            assert CLIENT_SECRET not in page.content()
            shown.open("/traces?trace=" + "5ca1ab1e" * 4)
            page.get_by_text("This trace is not in the store").wait_for()
            kept = {each.get("name"): each.get("httpOnly") for each in page.context.cookies(url)}
            assert kept["_streamlit_user"] is True

            page.get_by_role("button", name="Sign out").click()
            page.get_by_text("These dashboards are for people who sign in.").wait_for()
            assert all(each.startswith(issuer) for each in shown.foreign_requests)
