"""LangChain's callback events → spans of structure, and model calls that nobody below counted.

Which runs get a span is decided in ``worth_a_span``; docs/frameworks.md says it for people. Events
come from any thread; a run finds its parent by LangChain's own ids. ``langchain`` puts the context
of a run where its inside runs; here it is only made.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from llmtrace import semconv
from llmtrace.instrument import runtime
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations.framework_calls import ModelCall, open_model_call
from llmtrace.instrument.integrations.frameworks import (
    Runs,
    Structure,
    close_structure,
    guarded,
    open_structure,
)
from llmtrace.instrument.integrations.langchain_messages import plain_message, told_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context

    from llmtrace.instrument.integrations._base import Integration

_SESSIONS: Final = ("thread_id", "session_id", "conversation_id")
"""LangGraph's and LangSmith's names of a conversation, in a run's metadata."""
_PLUMBING: Final = ("Runnable", "ChannelWrite", "ChannelRead", "Unnamed", "__start__", "_write")
"""How the names of LangChain's and LangGraph's own connecting pieces begin."""
_CONTROL_FLOW: Final = frozenset({"GraphBubbleUp", "GeneratorExit", "StopIteration"})
"""Exceptions, or bases of such, by which nothing failed: an interrupt, a stream that was left."""

Chosen = tuple[str | None, str]
"""Operation (None: a plain step) and name."""


class Starting:
    """A place for the context of the one run that is about to start; see ``langchain``."""

    __slots__ = ("inside",)

    def __init__(self) -> None:
        """Wait for it."""
        self.inside: Context | None = None


starting: ContextVar[Starting | None] = ContextVar("llmtrace_langchain_starting", default=None)


def worth_a_span(
    name: str,
    *,
    run_type: str | None,
    tags: Sequence[str],
    metadata: Mapping[str, Any],
    is_root: bool,
) -> Chosen | None:
    """Choose as a person would who reads the trace; None: its parent stands for it.

    Prompts, parsers and connecting pieces are left out; an agent, the outermost chain, a node of a
    graph and whatever the app gave a name of its own are kept.
    """
    if run_type in {"prompt", "parser"} or "langsmith:hidden" in tags:
        return None
    is_made_agent = metadata.get("ls_integration") == "langchain_create_agent"
    if name and name in {metadata.get("lc_agent_name"), "AgentExecutor"}:
        return semconv.OP_INVOKE_AGENT, name
    if name == "LangGraph":
        return (semconv.OP_INVOKE_AGENT if is_made_agent else semconv.OP_INVOKE_WORKFLOW), name
    if is_root:
        return semconv.OP_INVOKE_WORKFLOW, name
    return None if name.startswith(_PLUMBING) else (None, name)


class Events:
    """What LangChain calls; the class that is registered has its ``BaseCallbackHandler`` beside."""

    run_inline = True
    """In the task that runs the model, not in an executor: the context has to be set there."""
    raise_error = False
    ignore_retry = True
    ignore_custom_event = True

    def __init__(self, integration: Integration) -> None:
        """Handle the events for ``integration``."""
        self._integration = integration
        self.runs = Runs()

    @property
    def ignore_chain(self) -> bool:
        """Whether to leave everything out: nothing records."""
        return runtime.active is None

    ignore_agent = ignore_llm = ignore_chat_model = ignore_retriever = ignore_chain
    """(LangChain asks ``ignore_agent`` of tools.)"""

    def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
        """Start a chain, graph, node or agent."""
        del inputs
        self._start(_name(serialized, told), told)

    def on_chain_end(self, outputs: Any, *, run_id: Any, **_: Any) -> None:
        """End it."""
        del outputs
        self._end(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """End it with the exception, unless that is how LangGraph steers."""
        self._end(run_id, error)

    def on_tool_start(self, serialized: Any, input_str: Any, **told: Any) -> None:
        """Start a tool."""
        name = _name(serialized, {}) if serialized else _name(None, told)
        arguments = told.get("inputs")
        self._start(
            name,
            told,
            chosen=(semconv.OP_EXECUTE_TOOL, name),
            attributes=_given({semconv.TOOL_CALL_ID: told.get("tool_call_id")}),
            content={
                semconv.TOOL_CALL_ARGUMENTS: input_str if arguments is None else arguments,
            },
        )

    def on_tool_end(self, output: Any, *, run_id: Any, **_: Any) -> None:
        """End it with what it gave."""
        result = getattr(output, "content", output)
        call_id = getattr(output, "tool_call_id", None)
        self._end(
            run_id,
            attributes=_given({semconv.TOOL_CALL_ID: call_id}),
            content={semconv.TOOL_CALL_RESULT: result},
        )

    def on_tool_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """End it with the exception."""
        self._end(run_id, error)

    def on_retriever_start(self, serialized: Any, query: Any, **told: Any) -> None:
        """Start a retrieval."""
        name = _name(serialized, told)
        chosen: Chosen = (semconv.OP_RETRIEVAL, name)
        self._start(name, told, chosen=chosen, content={semconv.RETRIEVAL_QUERY: query})

    def on_retriever_end(self, documents: Any, *, run_id: Any, **_: Any) -> None:
        """End it with what was found."""
        self._end(run_id, content={semconv.RETRIEVAL_DOCUMENTS: _documents(documents)})

    def on_retriever_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """End it with the exception."""
        self._end(run_id, error)

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        """Start a model call."""
        del serialized
        self._start_model([*messages[0]] if messages else [], told)

    def on_llm_start(self, serialized: Any, prompts: Any, **told: Any) -> None:
        """Start a call of a text model."""
        del serialized
        self._start_model(list(prompts), told, operation=semconv.OP_TEXT_COMPLETION)

    def on_llm_end(self, response: Any, *, run_id: Any, **_: Any) -> None:
        """End a model call; it is counted here if no SDK counted it."""
        self._end_model(run_id, response)

    def on_llm_error(self, error: BaseException, *, run_id: Any, **told: Any) -> None:
        """End it with the exception, and what had come until then."""
        self._end_model(run_id, told.get("response"), None if _is_control(error) else error)

    def _start(
        self, name: str, told: Mapping[str, Any], *, chosen: Chosen | None = None, **noted: Any
    ) -> None:
        metadata: Any = told.get("metadata") or {}
        parent_id = told.get("parent_run_id")
        if chosen is None:
            chosen = worth_a_span(
                name,
                run_type=told.get("run_type"),
                tags=told.get("tags") or (),
                metadata=metadata,
                is_root=parent_id is None,
            )
        parent = self.runs.context_below(parent_id)
        opened: Structure | None = Structure(parent)
        if chosen is not None:
            operation, title = chosen
            session: object = next((metadata[key] for key in _SESSIONS if metadata.get(key)), None)
            opened = open_structure(
                self._integration, operation, title, parent=parent, session=session, **noted
            )
        if opened is not None:
            self.runs.put(told["run_id"], opened)
            _hand_over(opened)

    def _end(self, run_id: Any, error: BaseException | None = None, **noted: Any) -> None:
        opened = self.runs.pop(run_id)
        if isinstance(opened, Structure):
            close_structure(opened, None if error is None or _is_control(error) else error, **noted)

    def _start_model(
        self, messages: list[Any], told: Mapping[str, Any], operation: str = semconv.OP_CHAT
    ) -> None:
        metadata: Any = told.get("metadata") or {}
        parameters: Any = told.get("invocation_params") or {}
        model = metadata.get("ls_model_name") or parameters.get("model")
        parent = self.runs.context_below(told.get("parent_run_id"))
        session: object = next((metadata[key] for key in _SESSIONS if metadata.get(key)), None)
        if session:
            parent = frameworks.in_session(parent, str(session))
        call = open_model_call(self._integration, model, metadata.get("ls_provider"), parent)
        if call is not None:
            call.operation = operation
            call.asked = (messages, metadata)
            self.runs.put(told["run_id"], call)
            if _hand_over(call):
                call.was_entered = True

    def _end_model(self, run_id: Any, response: Any, error: BaseException | None = None) -> None:
        call = self.runs.pop(run_id)
        if isinstance(call, ModelCall):
            messages, metadata = call.asked
            call.end(lambda: told_by(response, map(plain_message, messages), metadata), error)


def _hand_over(opened: Structure | ModelCall) -> bool:
    """Make the run's context current for the function that waits for it, if one does."""
    waiting = starting.get()
    if waiting is None or waiting.inside is not None:
        return False
    waiting.inside = opened.context
    frameworks.enter(opened.context)
    return True


def _name(serialized: Any, told: Mapping[str, Any]) -> str:
    """Return a run's name: the app's own, else the class's."""
    name: Any = told.get("name")
    if not name and serialized:
        name = serialized.get("name") or (serialized.get("id") or [None])[-1]
    return str(name) if name else "chain"


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _is_control(error: BaseException) -> bool:
    return any(base.__name__ in _CONTROL_FLOW for base in type(error).__mro__)


def _documents(documents: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": getattr(item, "id", None),
            "content": getattr(item, "page_content", None),
            "metadata": getattr(item, "metadata", None),
        }
        for item in documents or ()
    ]


def guard_events(events: type[Events]) -> dict[str, Any]:
    """Return the events' methods, each with our faults kept away from the app."""
    return {
        name: guarded("langchain", method)
        for name, method in vars(events).items()
        if name.startswith("on_")
    }
