"""What the SDKs made by Stainless have in common under contract."""

from __future__ import annotations

from typing import Any

ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    429: "RateLimitError",
    500: "InternalServerError",
}
"""HTTP status → class in the SDK's own package."""


def client_options(*, retries: int, timeout_s: float | None, key: str) -> dict[str, Any]:
    """Return the arguments that such a client takes for these."""
    timeout = {} if timeout_s is None else {"timeout": timeout_s}
    return {"api_key": key, "max_retries": retries, **timeout}
