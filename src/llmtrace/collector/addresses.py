"""Where a collector listens unless it is told otherwise."""

from __future__ import annotations

from typing import Final

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4318
DEFAULT_GRPC_PORT: Final = 4317
