"""Prints, as JSON, how many function calls llmtrace adds to calls of boto3. Run in a fresh process.

Argument: a folder for llmtrace. Nothing else may add calls here: no coverage, no debugger.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

import llmtrace
from llmtrace.testing.provider import LocalProvider, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]
BODY = json.dumps({"messages": MESSAGES})


def main(home: str) -> None:
    """Count each case before and after ``instrument()``."""
    with LocalProvider() as provider:
        cases = _cases(provider)
        before = {name: _count(case) for name, case in cases.items()}
        llmtrace.instrument(home=home)
        after = {name: _count(case) for name, case in cases.items()}
        llmtrace.uninstrument()
    sys.stdout.write(json.dumps({name: after[name] - before[name] for name in cases}))


def _cases(provider: LocalProvider) -> dict[str, Callable[[], object]]:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "nobody's"}
    door: Any = {"region_name": "us-east-1", "endpoint_url": provider.url, **keys}
    bedrock = boto3.client("bedrock-runtime", **door)
    other = boto3.client("sts", **door)

    def invoke() -> None:
        bedrock.invoke_model(modelId=MODEL, body=BODY)["body"].read()

    def stream() -> None:
        for _ in bedrock.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]:
            pass

    def other_service() -> None:
        with contextlib.suppress(ClientError):
            other.get_caller_identity()

    refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    provider.enqueue(Reply(status=403, body=refusal, content_type="text/xml", path="/", times=50))
    return {
        "converse": lambda: bedrock.converse(modelId=MODEL, messages=MESSAGES),
        "invoke": invoke,
        "stream": stream,
        "other service": other_service,
    }


def _count(case: Callable[[], object]) -> int:
    """Return the fewest calls of five runs: now and then a run wakes a thread up."""
    case()
    case()
    gc.collect()
    gc.disable()
    try:
        return min(_counted(case) for _ in range(5))
    finally:
        gc.enable()


def _counted(case: Callable[[], object]) -> int:
    entered: Counter[str] = Counter()

    def note(_frame: Any, event: str, _argument: Any) -> None:
        entered[event] += 1

    sys.setprofile(note)
    try:
        case()
    finally:
        sys.setprofile(None)
    return entered["call"] + entered["c_call"]


if __name__ == "__main__":
    main(sys.argv[1])
