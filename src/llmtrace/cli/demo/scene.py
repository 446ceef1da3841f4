"""The demo's scene: which processes run, with which environment, and how to reach them."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from llmtrace.cli.demo.faults import latency_s, scripted_faults
from llmtrace.cli.demo.processes import Child, start, wait_until
from llmtrace.spool import make_private
from llmtrace.testing.provider import LocalProvider, SlackSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

APPS: Final = ("support_bot", "extraction", "travel_agent")
ROUNDS: Final = 14
_PAUSE_S: Final = 2.0
_FORGET: Final = ("OPENAI_", "ANTHROPIC_", "OTEL_", "LLMTRACE_", "DEMO_")


class Scene:
    """All that runs during the demo; a context manager that stops what it started."""

    def __init__(self, home: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Prepare in ``home``; ``say`` tells people how far we are."""
        self.home = home.expanduser().absolute()
        self.ledger = self.home / "demo" / "ledger.jsonl"
        self.rules = Path(__file__).with_name("rules.yaml")
        self.provider = LocalProvider(script=scripted_faults(), latency_s=latency_s)
        self.slack = SlackSink()
        self.collector_url = ""
        self.dashboard_url = ""
        self._say = say
        self._inherited = {k: v for k, v in environ.items() if not k.startswith(_FORGET)}
        self._logs = self.home / "demo" / "logs"
        self._children: list[Child] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the folders, start the provider and the Slack sink."""
        make_private(self._logs)
        self._stack.enter_context(self.provider)
        self._stack.enter_context(self.slack)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop every child, the newest first, then the servers."""
        for child in reversed(self._children):
            child.stop()
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What children see: loopback addresses, keys that are none, nothing of the user's."""
        return {
            **self._inherited,
            "OPENAI_BASE_URL": self.provider.openai_url,
            "OPENAI_API_KEY": "demo-key-of-no-provider",
            "ANTHROPIC_BASE_URL": self.provider.anthropic_url,
            "ANTHROPIC_API_KEY": "demo-key-of-no-provider",
            "LLMTRACE_HOME": str(self.home),
            "LLMTRACE_SLACK_URL": self.slack.url,
            "DEMO_LEDGER": str(self.ledger),
        }

    def start(self, *, dashboard_port: int) -> None:
        """Start collector and dashboards and wait until both answer."""
        self._say(f"1/4 local provider at {self.provider.url}, Slack sink beside it")
        self._say("2/4 starting the collector (spool, OTLP/HTTP, alert rules) …")
        collector = self.child(
            "collector", "llmtrace", ["collector", "--port", "0", "--rules", str(self.rules)]
        )
        published = self.home / "collector.json"
        wait_until(published.exists, "collector.json", timeout_s=30, child=collector)
        self.collector_url = json.loads(published.read_text())["url"]
        wait_until(
            lambda: answers(f"{self.collector_url}/healthz"), "the collector's /healthz",
            timeout_s=30, child=collector,
        )  # fmt: skip
        self._say(f"    collector at {self.collector_url}")
        self._say("3/4 starting the dashboards …")
        port = dashboard_port or free_port()
        dashboard = self.child(
            "dashboard", "llmtrace", ["dashboard", "--port", str(port), "--no-browser"]
        )
        self.dashboard_url = f"http://127.0.0.1:{port}"
        wait_until(
            lambda: answers(f"{self.dashboard_url}/_stcore/health"), "the dashboards",
            timeout_s=60, child=dashboard,
        )  # fmt: skip
        self._say(f"    dashboards at {self.dashboard_url}")

    def run_apps(self) -> None:
        """Run the three apps at once, and wait for their first rounds."""
        self._say(f"4/4 running {len(APPS)} apps on the real SDKs: {', '.join(APPS)} …")
        environment = {"DEMO_ROUNDS": str(ROUNDS)}
        for child in [self._app(name, environment) for name in APPS]:
            child.wait(120)
        self._say(f"    {len(self.provider.requests)} requests reached the provider")

    def keep_calling(self) -> None:
        """Let the apps go on, slowly, until the scene ends."""
        for name in APPS:
            self._app(name, {"DEMO_ROUNDS": "0", "DEMO_PAUSE_S": str(_PAUSE_S * len(APPS))})

    def check_running(self) -> None:
        """Raise DemoError if collector or dashboards are gone."""
        for child in self._children:
            if child.name in {"collector", "dashboard"}:
                child.check_running()

    def child(
        self, name: str, module: str, arguments: list[str], more: Mapping[str, str] | None = None
    ) -> Child:
        """Start one child with the scene's environment."""
        child = start(name, module, arguments, {**self.environment, **(more or {})}, self._logs)
        self._children.append(child)
        return child

    def _app(self, name: str, environment: Mapping[str, str]) -> Child:
        return self.child(name, f"llmtrace.cli.demo.apps.{name}", [], environment)


def answers(url: str) -> bool:
    """Say whether a loopback URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # http on loopback, our own
            return answer.status == 200  # HTTP OK
    except OSError:
        return False


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    import socket  # noqa: PLC0415  # only the one-shot demo needs it

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
