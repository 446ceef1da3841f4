"""Files and batches of OpenAI, message batches of Anthropic: submitted, looked at, done, fetched.

A batch is done after as many looks as the server was told (``batch_polls``; 0: at the first).
Every request of it is answered as if it had been sent alone, but for the service tier; a model that
does not exist makes an error of that one request. Shapes follow
https://platform.openai.com/docs/api-reference/batch and
https://docs.anthropic.com/en/api/creating-message-batches.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import anthropic, openai
from llmtrace.testing.provider.answers import compose
from llmtrace.testing.provider.anthropic import MESSAGES
from llmtrace.testing.provider.chat import CHAT
from llmtrace.testing.provider.events import JsonObject, as_list, as_object, as_text, encode_json
from llmtrace.testing.provider.metering import count_tokens, output_tokens
from llmtrace.testing.provider.openai_completions import COMPLETIONS
from llmtrace.testing.provider.openai_media import form_of, moderation_body
from llmtrace.testing.provider.openai_root import ROOT
from llmtrace.testing.provider.records import Counts, Dialect, Turn
from llmtrace.testing.provider.responses import RESPONSES
from llmtrace.testing.provider.route import Memory, Plain, Route

if TYPE_CHECKING:
    from llmtrace.testing.provider.server import Received

_DIALECTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
}
_DAY_S = 86_400
_UNKNOWN_MODEL = "nonexistent"


def answer_one(dialect: Dialect, request: JsonObject, token: str, created_at: int) -> JsonObject:
    """Answer one request of a batch; a batch's prompts are not cached here."""
    prompt = dialect.read(request)
    answers = tuple(compose(prompt, each) for each in range(dialect.choices(request)))
    model = as_text(request.get("model"))
    text = "".join(segment.text for segment in prompt.segments)
    vendor = anthropic.VENDOR if dialect is MESSAGES else openai.VENDOR
    return dialect.body(
        Turn(
            token=token,
            created_at=created_at,
            request=request,
            model=vendor.snapshots.get(model, model),
            answers=answers,
            counts=Counts(input_uncached=count_tokens(text), output_text=output_tokens(answers)),
        )
    )


def _token_of(*names: str) -> str:
    return hashlib.sha256("/".join(names).encode()).hexdigest()[:40]


def _now(memory: Memory) -> int:
    return int(memory["clock"].now().timestamp())


def _missing(what: str, token: str) -> Plain:
    return Plain(body=openai.error_body(404, "", f"No such {what}.", token), status=404)


# --- OpenAI: files -------------------------------------------------------------------------


def _upload(received: Received, token: str, memory: Memory) -> Plain:
    form = form_of(received)
    content = form.get("file", b"")
    name = f"file-{token[:24]}"
    memory.setdefault("files", {})[name] = content
    return Plain(
        body={
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": _now(memory),
            "filename": "requests.jsonl",
            "purpose": form.get("purpose", b"batch").decode(),
            "status": "processed",
        }
    )


def _download(received: Received, token: str, memory: Memory) -> Plain:
    content = memory.get("files", {}).get(received.path.split("/")[-2])
    if content is None:
        return _missing("file", token)
    return Plain(body=content, content_type="application/octet-stream")


# --- OpenAI: batches -----------------------------------------------------------------------


def _submit(received: Received, token: str, memory: Memory) -> Plain:
    request = received.json_object()
    name = as_text(request.get("input_file_id"))
    if name not in memory.get("files", {}):
        return _missing("file", token)
    now = _now(memory)
    batch: JsonObject = {
        "id": f"batch_{token[:24]}",
        "object": "batch",
        "endpoint": request.get("endpoint"),
        "input_file_id": name,
        "completion_window": request.get("completion_window"),
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "expires_at": now + _DAY_S,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": request.get("metadata"),
    }
    memory.setdefault("batches", {})[batch["id"]] = batch
    return Plain(body=dict(batch))


def _look(received: Received, token: str, memory: Memory) -> Plain:
    batch = memory.get("batches", {}).get(received.path.split("/")[-1])
    if batch is None:
        return _missing("batch", token)
    if batch["status"] == "validating" and _is_due(batch, memory):
        _complete(batch, memory)
    return Plain(body=dict(batch))


def _is_due(batch: JsonObject, memory: Memory) -> bool:
    looks = memory.setdefault("looks", {})
    looks[batch["id"]] = looks.get(batch["id"], 0) + 1
    return bool(looks[batch["id"]] > memory.get("batch_polls", 0))


def _complete(batch: JsonObject, memory: Memory) -> None:
    lines = [json.loads(line) for line in memory["files"][batch["input_file_id"]].splitlines()]
    good, bad = bytearray(), bytearray()
    for line in lines:
        answered = _answer_line(batch, as_object(line))
        into = good if answered["response"]["status_code"] == 200 else bad
        into += encode_json(answered) + b"\n"
    token = _token_of(batch["id"])
    for key, content in (("output_file_id", good), ("error_file_id", bad)):
        if content:
            batch[key] = f"file-{_token_of(token, key)[:24]}"
            memory["files"][batch[key]] = bytes(content)
    failed = bad.count(b"\n")
    counts = {"total": len(lines), "completed": len(lines) - failed, "failed": failed}
    batch |= {"status": "completed", "completed_at": _now(memory), "request_counts": counts}


def _answer_line(batch: JsonObject, line: JsonObject) -> JsonObject:
    custom_id, request = as_text(line.get("custom_id")), as_object(line.get("body"))
    token = _token_of(batch["id"], custom_id)
    model = as_text(request.get("model"))
    if _UNKNOWN_MODEL in model:
        status, body = 404, openai.error_body(404, model, None, token)
    else:
        status, body = 200, _answer(as_text(batch["endpoint"]), request, token, batch["created_at"])
    return {
        "id": f"batch_req_{token[:24]}",
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": f"req_{token[:32]}", "body": body},
        "error": None,
    }


def _answer(endpoint: str, request: JsonObject, token: str, created_at: int) -> JsonObject:
    if endpoint == "/v1/embeddings":
        return openai.embeddings_body(request)
    if endpoint == "/v1/moderations":
        return moderation_body(request, token)
    return answer_one(_DIALECTS[endpoint], request, token, created_at)


def _cancel(received: Received, token: str, memory: Memory) -> Plain:
    batch = memory.get("batches", {}).get(received.path.split("/")[-2])
    if batch is None:
        return _missing("batch", token)
    if batch["status"] == "validating":
        batch |= {"status": "cancelled", "cancelled_at": _now(memory)}
    return Plain(body=dict(batch))


def _list(_received: Received, _token: str, memory: Memory) -> Plain:
    found = [dict(batch) for batch in memory.get("batches", {}).values()]
    return Plain(body={"object": "list", "data": found[::-1], "has_more": False})


# --- Anthropic -----------------------------------------------------------------------------


def _submit_messages(received: Received, token: str, memory: Memory) -> Plain:
    now = memory["clock"].now().astimezone(UTC)
    requests = as_list(received.json_object().get("requests"))
    batch: JsonObject = {
        "id": f"msgbatch_{token[:24]}",
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": _tally(processing=len(requests)),
        "created_at": _rfc3339(now),
        "expires_at": _rfc3339(datetime.fromtimestamp(now.timestamp() + _DAY_S, UTC)),
        "ended_at": None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
    }
    memory.setdefault("message_batches", {})[batch["id"]] = (batch, requests)
    return Plain(body=dict(batch))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _tally(**counts: int) -> JsonObject:
    kinds = ("processing", "succeeded", "errored", "canceled", "expired")
    return {kind: counts.get(kind, 0) for kind in kinds}


def _message_batch(received: Received, memory: Memory) -> tuple[JsonObject, list[Any]] | None:
    return memory.get("message_batches", {}).get(received.path.split("/")[4])


def _missing_messages(token: str) -> Plain:
    return Plain(body=anthropic.error_body(404, "", "batch not found", token), status=404)


def _look_at_messages(received: Received, token: str, memory: Memory) -> Plain:
    found = _message_batch(received, memory)
    if found is None:
        return _missing_messages(token)
    batch, requests = found
    if batch["processing_status"] != "ended" and _is_due(batch, memory):
        failed = sum(_UNKNOWN_MODEL in _model(request) for request in requests)
        host = received.headers.get("host", "127.0.0.1")
        batch |= {
            "processing_status": "ended",
            "ended_at": _rfc3339(memory["clock"].now().astimezone(UTC)),
            "request_counts": _tally(succeeded=len(requests) - failed, errored=failed),
            "results_url": f"http://{host}/v1/messages/batches/{batch['id']}/results",
        }
    return Plain(body=dict(batch))


def _model(request: object) -> str:
    return as_text(as_object(as_object(request).get("params")).get("model"))


def _cancel_messages(received: Received, token: str, memory: Memory) -> Plain:
    found = _message_batch(received, memory)
    if found is None:
        return _missing_messages(token)
    if found[0]["processing_status"] == "in_progress":
        found[0]["processing_status"] = "canceling"
    return Plain(body=dict(found[0]))


def _list_messages(_received: Received, _token: str, memory: Memory) -> Plain:
    found = [dict(batch) for batch, _ in memory.get("message_batches", {}).values()]
    return Plain(body={"data": found[::-1], "has_more": False, "first_id": None, "last_id": None})


def _results(received: Received, token: str, memory: Memory) -> Plain:
    found = _message_batch(received, memory)
    if found is None or found[0]["processing_status"] != "ended":
        return _missing_messages(token)
    lines = [_result(found[0]["id"], as_object(request)) for request in found[1]]
    body = b"".join(encode_json(line) + b"\n" for line in lines)
    return Plain(body=body, content_type="application/x-jsonl")


def _result(batch_id: str, request: JsonObject) -> JsonObject:
    custom_id, params = as_text(request.get("custom_id")), as_object(request.get("params"))
    token = _token_of(batch_id, custom_id)
    if _UNKNOWN_MODEL in _model(request):
        error = anthropic.error_body(404, _model(request), None, token)
        return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
    message = answer_one(MESSAGES, {**params, "service_tier": "batch"}, token, 0)
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


_HERE = "/v1/messages/batches"
ROUTES = (
    Route(path=f"{ROOT}/files", vendor=openai.VENDOR, answer=_upload, needs_json=False),
    Route(path=f"{ROOT}/files/[^/]+/content", vendor=openai.VENDOR, method="GET", answer=_download),
    Route(path=f"{ROOT}/batches", vendor=openai.VENDOR, answer=_submit),
    Route(path=f"{ROOT}/batches", vendor=openai.VENDOR, method="GET", answer=_list),
    Route(path=f"{ROOT}/batches/[^/]+", vendor=openai.VENDOR, method="GET", answer=_look),
    Route(
        path=f"{ROOT}/batches/[^/]+/cancel",
        vendor=openai.VENDOR,
        answer=_cancel,
        needs_json=False,
    ),
    Route(path=_HERE, vendor=anthropic.VENDOR, answer=_submit_messages),
    Route(path=_HERE, vendor=anthropic.VENDOR, method="GET", answer=_list_messages),
    Route(path=f"{_HERE}/[^/]+", vendor=anthropic.VENDOR, method="GET", answer=_look_at_messages),
    Route(
        path=f"{_HERE}/[^/]+/cancel",
        vendor=anthropic.VENDOR,
        answer=_cancel_messages,
        needs_json=False,
    ),
    Route(path=f"{_HERE}/[^/]+/results", vendor=anthropic.VENDOR, method="GET", answer=_results),
)
