"""The files to run it with: parsed, for there is no systemd and no container engine here."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtrace.cli.dashboard import check_sign_in
from llmtrace.cli.up import command as up
from llmtrace.collector.addresses import DEFAULT_GRPC_PORT, DEFAULT_PORT
from llmtrace.config import load_settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string((DEPLOY / "llmtrace.service").read_text())
    return parser


@pytest.fixture(scope="module")
def image() -> list[tuple[str, str]]:
    """Give the instructions of the last stage."""
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]
    last = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["llmtrace"]


def starts(arguments: list[str]) -> dict[str, Any]:
    """Let the command itself read the arguments."""
    return up.make_context("up", arguments).params


def one(image: list[tuple[str, str]], name: str) -> str:
    (value,) = [rest for found, rest in image if found == name]
    return value


def test_the_unit_starts_what_there_is_on_loopback(unit: configparser.ConfigParser) -> None:
    program, name, *arguments = shlex.split(unit["Service"]["ExecStart"])

    assert program.endswith("/bin/llmtrace")
    assert name == "up"
    assert starts(arguments)["host"] == "127.0.0.1"


def test_the_unit_gives_up_privileges_and_holds_its_state_for_itself(
    unit: configparser.ConfigParser,
) -> None:
    found = unit["Service"]

    assert found["User"] not in {"", "root"}
    assert found["NoNewPrivileges"] == found["PrivateTmp"] == found["ProtectHome"] == "yes"
    assert found["ProtectSystem"] == "strict"
    assert found["CapabilityBoundingSet"] == ""
    assert (found["StateDirectoryMode"], found["UMask"]) == ("0700", "0077")
    home = found["Environment"].partition("LLMTRACE_HOME=")[2]
    assert home == f"/var/lib/{found['StateDirectory']}"


def test_the_unit_is_restarted_unless_it_was_configured_wrongly(
    unit: configparser.ConfigParser,
) -> None:
    found = unit["Service"]

    assert (found["Restart"], found["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert found["KillMode"] == "mixed"
    assert int(found["TimeoutStopSec"]) >= 50


def test_no_file_holds_a_token() -> None:
    for path in DEPLOY.iterdir():
        assert not re.search(r"TOKEN\s*[=:]\s*[\"']?[A-Za-z0-9]", path.read_text()), path.name


def test_the_image_runs_as_nobody_special_and_keeps_its_store_on_a_volume(
    image: list[tuple[str, str]],
) -> None:
    home = re.search(r"LLMTRACE_HOME=(\S+)", one(image, "ENV"))

    assert one(image, "USER") not in {"0", "root"}
    assert home is not None
    assert json.loads(one(image, "VOLUME")) == [home[1]]
    assert not any("TOKEN" in rest for name, rest in image if name in {"ENV", "ARG"})


def test_the_image_starts_what_there_is_and_is_asked_whether_it_is_well(
    image: list[tuple[str, str]],
) -> None:
    name, *arguments = json.loads(one(image, "CMD"))

    assert json.loads(one(image, "ENTRYPOINT")) == ["llmtrace"]
    assert name == "up"
    assert starts(arguments)["no_dashboard"] is True
    assert f"127.0.0.1:{DEFAULT_PORT}/readyz" in one(image, "HEALTHCHECK")
    assert set(one(image, "EXPOSE").split()) == {str(DEFAULT_PORT), str(DEFAULT_GRPC_PORT)}


def test_compose_opens_it_to_this_host_alone_and_not_without_a_token(
    service: dict[str, Any],
) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["environment"]["LLMTRACE_TOKEN"].startswith("${LLMTRACE_TOKEN:?")


def test_compose_serves_the_pages_to_who_signs_in(service: dict[str, Any]) -> None:
    name, *arguments = service["command"]
    started = starts(arguments)
    said = {
        key: re.sub(r"\$\{.*\}", "x" * 32, text) for key, text in service["environment"].items()
    }

    assert name == "up"
    assert not started["no_dashboard"]
    assert f"127.0.0.1:{started['dashboard_port']}:{started['dashboard_port']}" in service["ports"]
    sessions, _ = check_sign_in(load_settings(said), started["dashboard_host"])
    assert sessions is not None
    assert service["environment"]["LLMTRACE_DASHBOARD_TOKEN"].startswith(
        "${LLMTRACE_DASHBOARD_TOKEN:?"
    )


def test_compose_keeps_the_store_and_nothing_else(
    service: dict[str, Any], image: list[tuple[str, str]]
) -> None:
    (volume,) = service["volumes"]

    assert volume.partition(":")[2] == json.loads(one(image, "VOLUME"))[0]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["build"]["dockerfile"] == "deploy/Dockerfile"
