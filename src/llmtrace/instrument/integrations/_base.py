"""What an integration is: which SDK, which of its endpoints are LLM calls, who the provider is.

An integration is data plus, where an SDK needs it, a hook or two. It knows no tracer, no
settings, no other integration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One kind of call of an SDK."""

    api: str
    """Wire format of its bodies: ``semconv.API_*``."""
    operation: str
    """``gen_ai.operation.name``."""
    is_streamed: bool = False
    """Whether the endpoint streams whatever it is asked: its URL says so, the body does not."""
    read_request: Callable[[bytes], bytes] | None = None
    """What was sent → JSON, where it is not JSON itself; called in the background."""
    read_response: Callable[[bytes], bytes] | None = None
    """The same for a plain answer."""
    read_piece: Callable[[bytes], bytes] | None = None
    """The same for each piece of a streamed one; the results are lines."""
    is_kept: Callable[[str, bytes], bool] | None = None
    """(content type, plain answer; b"" before a stream) → whether its bytes may be kept at all.
    Called on the caller's thread; None: they may. Speech and files of the app are not."""
    has_results: bool = False
    """The answer may hold the results of a batch, each a span of its own (``batch_results``).
    If it does not, it was no call of a model: it is not recorded."""
    max_stream_bytes: int | None = None
    """Bytes of a streamed answer that are kept; None: the usual ``MAX_STREAM_BYTES``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One SDK."""

    name: str
    """What people type: ``llmtrace.instrument("openai")``."""
    distribution: str
    """Distribution on the package index, to tell its version."""
    tested: str
    """Versions that the test matrix runs, as a requirement."""
    default_provider: str
    """``gen_ai.provider.name`` where the host says nothing else."""
    hooks: Mapping[str, Callable[[object], Callable[[], None]]]
    """Module of the SDK → patch it once it is imported; returns what undoes the patch."""
    find_endpoint: Callable[[str, str], Endpoint | None]
    """(HTTP method in lower case, path as the SDK names it) → endpoint; None: not an LLM call."""
    client_providers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Client class name → provider, for classes that stand for a cloud (``AnthropicBedrock``)."""
    uses_http_seam: bool = False
    """Its HTTP answers are seen in ``http_seam``; Stainless SDKs have a seam of their own."""
