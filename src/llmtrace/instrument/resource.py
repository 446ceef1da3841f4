"""What goes with every span of this process: service, environment, host, process."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace import semconv
from llmtrace.config import Settings
from llmtrace.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping


def resource_attributes(
    settings: Settings, of_provider: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the resource: the app's own tracer provider's, with what the settings say on top."""
    resource: dict[str, object] = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": semconv.SCOPE_NAME,
        "telemetry.sdk.version": VERSION,
        semconv.HOST_NAME: socket.gethostname(),
        semconv.PROCESS_PID: os.getpid(),
        **(of_provider or {}),
        **(settings.resource_attributes or {}),
    }
    if settings.service_name != Settings().service_name:
        resource[semconv.SERVICE_NAME] = settings.service_name
    elif not _is_named(resource):
        resource[semconv.SERVICE_NAME] = _program_name() or settings.service_name
    if settings.environment:
        resource[semconv.DEPLOYMENT_ENVIRONMENT] = settings.environment
    return resource


def _is_named(resource: Mapping[str, object]) -> bool:
    name = resource.get(semconv.SERVICE_NAME)
    return isinstance(name, str) and not name.startswith("unknown_service")


def _program_name() -> str | None:
    """Return the name of the script that runs, None for an interactive or embedded Python."""
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    if path is None or path.name in {"-c", "-m"}:
        return None
    return path.parent.name if path.stem == "__main__" else path.stem
