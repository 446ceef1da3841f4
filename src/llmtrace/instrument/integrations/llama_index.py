"""llama-index-core: agents, workflows, query engines, retrievers, tools, and calls of models.

SDK: llama-index-core 0.14. Added: a span handler at the root of its dispatcher, the framework's own
place for it; which of its many spans are worth one of ours is in ``_chosen``. Wrapped: ``chat``,
``complete`` and their streaming and async siblings of each class of model, because the dispatcher
tells of a stream only that it was made: the SDK is called when it is first read, and that is where
the context has to be. Source: docs.llamaindex.ai (instrumentation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context

from llmtrace import semconv
from llmtrace.instrument import patches
from llmtrace.instrument.integrations import frameworks
from llmtrace.instrument.integrations._base import Integration
from llmtrace.instrument.integrations.frameworks import (
    Runs,
    Structure,
    close_structure,
    guarded,
    open_structure,
    tool_around,
)
from llmtrace.instrument.integrations.llama_index_models import watched_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

_WORKFLOWS: Final = {
    "BaseQueryEngine": frozenset({"query", "aquery"}),
    "BaseChatEngine": frozenset({"chat", "achat", "stream_chat", "astream_chat"}),
}
_RETRIEVING: Final = frozenset({"retrieve", "aretrieve"})
_CALLING: Final = frozenset({"call", "acall", "__call__"})
_AGENTS: Final = frozenset({"BaseWorkflowAgent", "AgentWorkflow"})
_QUERIES: Final = ("str_or_query_bundle", "query_bundle", "query")

Chosen = tuple[str, str, dict[str, Any], dict[str, object]]
"""Operation, name, attributes and content."""


def _chosen(instance: Any, method: str, arguments: dict[str, Any]) -> Chosen | None:
    """Choose what a person who reads the trace wants to see; None: its parent stands for it."""
    classes = {each.__name__ for each in type(instance).__mro__}
    name = type(instance).__name__
    if method == "run" and "Workflow" in classes:
        if _AGENTS & classes:
            return semconv.OP_INVOKE_AGENT, getattr(instance, "name", None) or name, {}, {}
        return semconv.OP_INVOKE_WORKFLOW, name, {}, {}
    if any(base in classes and method in methods for base, methods in _WORKFLOWS.items()):
        return semconv.OP_INVOKE_WORKFLOW, name, {}, {}
    if method in _RETRIEVING and "BaseRetriever" in classes:
        query = next((arguments[key] for key in _QUERIES if key in arguments), None)
        asked = getattr(query, "query_str", query)
        return semconv.OP_RETRIEVAL, name, {}, {semconv.RETRIEVAL_QUERY: asked}
    is_tool = method in _CALLING and "BaseTool" in classes
    return _tool(instance, arguments) if is_tool else None


def _tool(instance: Any, arguments: dict[str, Any]) -> Chosen | None:
    """Return a tool that is called by itself; inside an agent's step, the step stands for it."""
    name = str(instance.metadata.name)
    given = {**arguments.get("kwargs", {})} or arguments.get("input")
    content: dict[str, object] = {semconv.TOOL_CALL_ARGUMENTS: given}
    return None if tool_around(name) else (semconv.OP_EXECUTE_TOOL, name, {}, content)


def _tool_of_agent(event: Any) -> Chosen | None:
    """Return the tool that a step of an agent calls; only the step knows the call's id."""
    name = getattr(event, "tool_name", None)
    if not name:
        return None
    attributes = {semconv.TOOL_CALL_ID: event.tool_id} if event.tool_id else {}
    content: dict[str, object] = {semconv.TOOL_CALL_ARGUMENTS: event.tool_kwargs}
    return semconv.OP_EXECUTE_TOOL, str(name), attributes, content


class _Open(Structure):
    """An open span of the dispatcher, with what is to be restored after it."""

    __slots__ = ("before",)

    def __init__(self, opened: Structure) -> None:
        super().__init__(opened.context, opened.step)
        self.before: Context | None = None


class _SpanHandler:
    """What the dispatcher calls; the part of ``BaseSpanHandler`` that it uses."""

    def __init__(self) -> None:
        self.open_spans: dict[str, Any] = {}
        self.current_span_ids: dict[Any, str | None] = {}
        self._runs = Runs()

    @classmethod
    def class_name(cls) -> str:
        return "LlmtraceSpanHandler"

    def span_enter(
        self, id_: str, bound_args: Any, instance: Any = None, parent_id: Any = None, **_: Any
    ) -> None:
        _enter(self._runs, id_, bound_args, instance, parent_id)

    def span_exit(self, id_: str, bound_args: Any, result: Any = None, **_: Any) -> None:
        del bound_args
        _exit(self._runs, id_, result, None)

    def span_drop(self, id_: str, bound_args: Any, err: Any = None, **_: Any) -> None:
        del bound_args
        _exit(self._runs, id_, None, err)

    def capture_propagation_context(self) -> dict[str, Any]:
        return {}

    def restore_propagation_context(self, context: dict[str, Any]) -> None:
        del context

    def close(self) -> None:
        """Nothing to do: what is open ends with the app."""


def _enter_span(runs: Runs, id_: str, bound_args: Any, instance: Any, parent_id: Any) -> None:
    method = id_.partition("-")[0].rpartition(".")[2]
    parent = runs.context_below(parent_id)
    arguments: dict[str, Any] = bound_args.arguments
    chosen: Chosen | None = None
    if instance is not None:
        chosen = _chosen(instance, method, arguments)
    elif method == "call_tool":  # a step of an agent is run as a function
        chosen = _tool_of_agent(arguments.get("ev"))
    opened: Structure | None = Structure(parent)
    if chosen is not None:
        operation, name, attributes, content = chosen
        opened = open_structure(
            INTEGRATION, operation, name, parent=parent, attributes=attributes, content=content
        )
    if opened is None:
        return
    remembered = _Open(opened)
    runs.put(id_, remembered)
    if method != "run":  # a workflow goes on after that has returned; its steps know it by its id
        remembered.before = frameworks.enter(remembered.context)


def _exit_span(runs: Runs, id_: str, result: Any, error: BaseException | None) -> None:
    opened: Any = runs.pop(id_)
    if not isinstance(opened, _Open):
        return
    if opened.before is not None:
        frameworks.leave_run(opened.before, id_)
    step = opened.step
    if step is None:
        return
    operation = step.attributes.get(semconv.OPERATION_NAME)
    content: dict[str, object] = {}
    if operation == semconv.OP_EXECUTE_TOOL:
        output: Any = getattr(result, "tool_output", result)
        error = error or getattr(output, "exception", None)
        content = {semconv.TOOL_CALL_RESULT: getattr(output, "content", None)}
    elif operation == semconv.OP_RETRIEVAL and isinstance(result, list):
        found: list[Any] = result  # pyright: ignore[reportUnknownVariableType]  # nodes with scores
        content = {semconv.RETRIEVAL_DOCUMENTS: [_document(node) for node in found]}
    close_structure(opened, error, content=content)


def _document(found: Any) -> dict[str, Any]:
    node = getattr(found, "node", found)
    return {
        "id": getattr(node, "node_id", None),
        "score": getattr(found, "score", None),
        "content": getattr(node, "text", None),
    }


_enter = guarded("llama_index", _enter_span)
_exit = guarded("llama_index", _exit_span)


def _patch_dispatcher(module: Any) -> Callable[[], None]:
    if not hasattr(module, "get_dispatcher"):
        patches.note_missing(INTEGRATION.name, f"{module.__name__}.get_dispatcher")
        return patches.Undo(INTEGRATION.name)
    root: Any = module.get_dispatcher()
    handler = _SpanHandler()
    root.span_handlers = [*root.span_handlers, handler]

    def undo() -> None:
        root.span_handlers = [each for each in root.span_handlers if each is not handler]

    return undo


def _patch_models(module: Any) -> Callable[[], None]:
    undo = patches.Undo(INTEGRATION.name)
    base = getattr(module, "BaseLLM", None)
    if base is None:
        patches.note_missing(INTEGRATION.name, f"{module.__name__}.BaseLLM")
        return undo
    return watched_models(INTEGRATION, base, undo, context.get_current)


INTEGRATION: Final = Integration(
    name="llama_index",
    distribution="llama-index-core",
    tested="llama-index-core >= 0.14, < 0.15",
    default_provider="llama_index",
    hooks={
        "llama_index_instrumentation": _patch_dispatcher,
        "llama_index.core.base.llms.base": _patch_models,
    },
    find_endpoint=frameworks.no_endpoint,
)
