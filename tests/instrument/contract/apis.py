"""The SDKs and APIs under contract: how each is called, and what every call of it must say.

To put an SDK under contract, add ``apis_<sdk>.py`` beside this file; it is found by its name:

    from tests.instrument.contract.apis import Api, Sdk

    def _connect(provider, *, is_async, retries, timeout_s, key):
        import acme  # here, not above: not every environment of the version matrix has it
        made = acme.AsyncClient if is_async else acme.Client
        return made(base_url=f"{provider.url}/acme", token=key, max_retries=retries, ...)

    ACME = Sdk(name="acme", connect=_connect, errors={400: "acme.ClientError", ...},
               lost="httpx.RemoteProtocolError", timed_out="httpx.ReadTimeout",
               opens_lazily=True)  # whatever differs from the defaults below
    APIS = (Api(sdk=ACME, plain="chat", streamed="chat_stream", wire="acme.chat", ...),)
    FREE_CALLS = (FreeCall(ACME, "models", lambda client: client.models.list()),)  # optional

Every test of this folder then runs for it: sync and async, plain and streamed, every ending of a
stream, errors, retries, sampling, switches, content. If a test asks for what the SDK cannot do, say
so in a field of ``Sdk`` or ``Api`` (add one if need be, with a default that fits the others);
never skip a test by the name of an SDK. What is called otherwise than as a method with keyword
arguments is told by a subclass of ``Api`` that overrides ``send``.

    CONTRACT_SDKS=acme .venv/bin/pytest -p no:cacheprovider tests/instrument/contract

runs it for that SDK alone (several: with commas); the version matrix does the same.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from llmtrace.instrument.spans import class_name
from tests.instrument import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmtrace.testing.provider import LocalProvider, Reply


class Connect(Protocol):
    """Makes a new client of the real SDK that talks to ``provider``."""

    def __call__(
        self,
        provider: LocalProvider,
        *,
        is_async: bool,
        retries: int,
        timeout_s: float | None,
        key: str,
    ) -> Any:
        """``retries`` 0: one attempt; waits between attempts as short as the SDK allows."""
        ...


def error_code(error: BaseException) -> str:
    """Return the service's code of an error of botocore or gRPC; where it has none, its class."""
    status: Any = getattr(error, "code", None)
    if callable(status):
        code: Any = status()
        return code.name
    answer: Any = getattr(error, "response", None) or {}
    return answer.get("Error", {}).get("Code") or class_name(error)


def _close(client: Any) -> Any:
    return getattr(client, "aclose" if hasattr(client, "aclose") else "close")()


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """One SDK: how its clients are made and what they can do."""

    name: str
    """Of its integration."""
    connect: Connect
    errors: Mapping[int, str]
    """HTTP status (400, 401, 404, 429 and 500) → ``error.type`` of what the SDK raises."""
    lost: str
    """``error.type`` where the connection breaks before an answer."""
    timed_out: str
    lost_async: str = ""
    """As ``lost``, where an async client has an HTTP library of its own; "": the same."""
    error_type: Callable[[BaseException], str] = class_name
    """Exception → what ``error.type`` must say of it."""
    distribution: str = ""
    """On the package index; "": as ``name``."""
    module: str = ""
    """What is imported; "": as ``name``."""
    provider: str = ""
    """``gen_ai.provider.name``; "": as ``name``."""
    close: Callable[[Any], Any] = _close
    """Closes a client; the result is awaited if it can be."""
    has_async: bool = True
    has_retries: bool = True
    counts_retries: bool = True
    """Whether it gives up after a number of attempts; others do after a time."""
    retries_lost: bool = True
    """Whether a connection that breaks is tried again, too."""
    has_timeout: bool = True
    opens_lazily: bool = False
    """Whether a stream is asked for by its first step only, not by the call."""
    closes_streams: bool = True
    """Whether a stream that is closed early closes its connection; else its collection does."""
    has_request_id: bool = True
    """Whether the provider's answers carry one."""
    reads_late: bool = False
    """Whether it parses an answer only when our call is over, so that garbage is our finding."""
    says_status: bool = True
    """Whether the message of an error has the HTTP status in it."""
    closes_quietly: bool = True
    """Whether a coroutine of it that is thrown away closes without a word, also without us."""
    keeps_methods: bool = False
    """Whether a client binds its methods when it is made, so that no later wrapper is seen."""
    tells_attempts: bool = False
    """Whether its requests say which attempt they are, as those of Stainless SDKs do."""
    is_compared: bool = True
    """Whether two equal calls give equal answers, so that the differential test can play it."""
    gunzips: bool = True
    """Whether it asks for, and unpacks, compressed streams."""
    shows_http: bool = True
    """Whether it speaks HTTP that can be seen: with addresses, headers and bodies of refusals."""

    @property
    def version(self) -> str:
        """Name and version of the installed SDK, as spans carry it."""
        name = self.distribution or self.name
        return f"{name} {importlib.metadata.version(name)}"

    @property
    def is_wanted(self) -> bool:
        """Whether it is installed, and this run is about it."""
        only = os.environ.get("CONTRACT_SDKS", "")
        if only and self.name not in only.split(","):
            return False
        try:
            return importlib.util.find_spec(self.module or self.name) is not None
        except ModuleNotFoundError:  # of the package above it
            return False


@dataclass(frozen=True, kw_only=True)
class Api:
    """One inference API of one SDK."""

    sdk: Sdk
    plain: str
    """Path from the client to the method that makes a plain call."""
    wire: str
    """``llmtrace.api`` on its spans."""
    operation: str
    model: str
    asked: Callable[[str], dict[str, Any]]
    """Text of the user → arguments, without the model."""
    snapshot: str | None = ""
    """The model's name in answers; "": as asked for; None: answers name no model."""
    variant: str = ""
    """Tells two of the same SDK and wire format apart."""
    model_argument: str = "model"
    streamed: str = ""
    """Path to the method that streams; "": there are no streams."""
    to_stream: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments that ask for a stream."""
    with_usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments without which a stream does not state its usage."""
    chunks: Callable[[Any], Any] = lambda result: result
    """Result of ``streamed`` → what is iterated over and closed."""
    speaks: bool = True
    """Whether the answer is text, so that there is content to look at."""
    limit: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments that cut an answer short after a few tokens; {}: there are none."""
    stopped: str = ""
    """Finish reason of a whole answer; "": answers have none."""
    cut_short: str = ""
    """Finish reason of an answer that met ``limit``."""
    tools: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments that offer a tool named ``track_parcel``; {}: there are none."""
    called: str = ""
    """Finish reason of an answer that calls a tool."""
    raw: str = ""
    """Path to the method that returns the raw response; "": the SDK has none."""
    stream_error: Reply | None = None
    """How an error inside a stream looks; None: as ``faults.error_inside_stream``."""
    priced: bool = True
    """Whether the list has a price for ``model``, and one that is not zero."""

    @property
    def id(self) -> str:
        """Name in test ids."""
        return f"{self.sdk.name}-{self.label}"

    @property
    def label(self) -> str:
        """Name among the APIs of its SDK."""
        return f"{self.wire}-{self.variant}" if self.variant else self.wire

    @property
    def answers_as(self) -> str | None:
        """The model's name in answers; None: they name none."""
        return self.model if self.snapshot == "" else self.snapshot

    @property
    def version(self) -> str:
        """Name and version of the installed SDK, as spans carry it."""
        return self.sdk.version

    def is_door_beside(self, first: Api) -> bool:
        """Tell whether its client only leads elsewhere than ``first``'s: it speaks the same."""
        lost, firsts = (self.sdk.lost, self.sdk.lost_async), (first.sdk.lost, first.sdk.lost_async)
        return (
            self.sdk is not first.sdk
            and (self.sdk.name, self.wire) == (first.sdk.name, first.wire)
            and lost == firsts  # else the HTTP library is another
            and self.stream_error == first.stream_error  # else streams are framed otherwise
        )

    def client(
        self,
        provider: LocalProvider,
        *,
        is_async: bool = False,
        retries: int = 0,
        timeout_s: float | None = None,
        key: str = "any",
    ) -> Any:
        """Return a new client of the real SDK that talks to ``provider``."""
        return self.sdk.connect(
            provider, is_async=is_async, retries=retries, timeout_s=timeout_s, key=key
        )

    def create(
        self, client: Any, text: str = "Where is my parcel?", *, stream: bool = False, **more: Any
    ) -> Any:
        """Call the API once; with most async clients the result is to be awaited.

        Of a stream, ``chunks`` says what to iterate over.
        """
        return self.send(client, self.arguments(text, **more), stream=stream)

    def arguments(self, text: str, **more: Any) -> dict[str, Any]:
        """Return the arguments of a plain call."""
        return {self.model_argument: self.model, **self.asked(text), **more}

    def send(self, client: Any, given: Mapping[str, Any], *, stream: bool = False) -> Any:
        """Call the API once with these arguments."""
        if stream:
            return _method(client, self.streamed)(**given, **self.to_stream)
        return _method(client, self.plain)(**given)

    def method(self, client: Any) -> tuple[Any, str]:
        """Return where the method is defined that ``plain`` leads to, and its name there."""
        path, _, name = self.plain.rpartition(".")
        found = type(_method(client, path) if path else client)
        return next(kind for kind in found.__mro__ if name in vars(kind)), name

    def create_raw(self, client: Any, text: str = "Where is my parcel?") -> Any:
        """Call the API once for the raw response."""
        return _method(client, self.raw)(**self.arguments(text))


def _method(client: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), client)


class AsyncFace:
    """The async half of an SDK that has both kinds of methods on one client.

    ``face.chat.complete`` is ``client.chat.complete_async``; what has no such twin is itself.
    """

    def __init__(self, client: Any, suffix: str = "_async") -> None:
        self._client = client
        self._suffix = suffix

    def __getattr__(self, name: str) -> Any:
        twin = getattr(self._client, name + self._suffix, None)
        if twin is not None:
            return twin
        found = getattr(self._client, name)
        return found if callable(found) else AsyncFace(found, self._suffix)

    async def aclose(self) -> None:
        """Close the connections of the async half, in the loop that opened them."""
        await self._client.__aexit__(None, None, None)


@dataclass(frozen=True)
class FreeCall:
    """A call that nobody pays for: it must pass unbilled."""

    sdk: Sdk
    name: str
    call: Callable[[Any], Any]
    """Makes it with a sync client of the SDK."""


def discovered(name: str) -> tuple[Any, ...]:
    """Return the items of the tuples called ``name`` of every ``apis_*`` module of this folder.

    Those of SDKs that are not installed, or not wanted in this run, are left out.
    """
    found: list[Any] = []
    for module in sorted(pkgutil.iter_modules(contract.__path__), key=lambda item: item.name):
        if module.name.startswith("apis_"):
            loaded = importlib.import_module(f"{contract.__name__}.{module.name}")
            found += getattr(loaded, name, ())
    return tuple(item for item in found if item.sdk.is_wanted)
