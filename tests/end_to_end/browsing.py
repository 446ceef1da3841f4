"""A real dashboard process and a real Chromium, for the browser journeys and the screenshots."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from tests.conftest import find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Request

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY: Final = "[data-testid=stApp][data-test-script-state=notRunning]"
_START_TIMEOUT_S: Final = 60
# On a deep link Streamlit first asks below the page's own path; it then asks again at the root.
_HARMLESS: Final = re.compile(r"/[a-z_]+/_stcore/(health|host-config)")


@dataclass
class Watched:
    """A page and what must not happen on it."""

    page: Page
    origin: str
    console_errors: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a path and wait until Streamlit has finished."""
        self.page.goto(self.origin + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run."""
        self.page.wait_for_selector(READY, timeout=30_000)

    def assert_clean(self) -> None:
        """No console error, no request to another origin, no exception box."""
        assert self.console_errors == []
        assert self.foreign_requests == []
        assert self.page.locator("[data-testid=stException]").count() == 0


@contextmanager
def dashboard(home: Path, *arguments: str | Path) -> Iterator[str]:
    """Serve ``home`` by the real command, with ``arguments``, on a free port; give its URL."""
    with dashboard_process(home, *arguments) as (url, _):
        yield url


@contextmanager
def dashboard_process(home: Path, *arguments: str | Path) -> Iterator[tuple[str, int]]:
    """Do so and give its process id too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmtrace", "dashboard", "--port", "0", "--no-browser",
         "--home", str(home), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    watchdog = threading.Timer(_START_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        url = _url(process)
        watchdog.cancel()
        yield url, process.pid
    finally:
        watchdog.cancel()
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in threading.enumerate():
            if reader.name == f"stderr of {process.pid}":
                reader.join(timeout=5)
        if process.stderr is not None:
            process.stderr.close()


def _url(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        found = re.search(r"llmtrace dashboard: (https?://\S+)", line)
        if found:
            # Read on, or the process would stop at a full pipe.
            threading.Thread(
                target=process.stderr.read, daemon=True, name=f"stderr of {process.pid}"
            ).start()
            return found[1]
    raise AssertionError(f"the dashboard did not start: {''.join(lines)}")


@contextmanager
def browser() -> Iterator[Browser]:
    """Give a headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        try:
            yield launched
        finally:
            launched.close()


def watch(
    browser: Browser, origin: str, *, width: int = 1440, height: int = 1000, scheme: str = "light"
) -> Watched:
    """Open an empty page of a new visitor whose console and requests are watched."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="UTC",
    )
    watched = Watched(page=context.new_page(), origin=origin)

    def note_request(request: Request) -> None:
        if not request.url.startswith((origin, origin.replace("http", "ws", 1), "data:", "blob:")):
            watched.foreign_requests.append(request.url)

    watched.page.on("request", note_request)
    watched.page.on(
        "console",
        lambda message: (
            watched.console_errors.append(f"{message.text} {message.location}")
            if message.type == "error" and not _HARMLESS.search(str(message.location))
            else None
        ),
    )
    watched.page.on("pageerror", lambda error: watched.console_errors.append(str(error)))
    return watched
