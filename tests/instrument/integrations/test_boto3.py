"""boto3 where it differs from other SDKs: its bodies, its other services, its agents."""

from __future__ import annotations

import contextlib
import gc
import io
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.eventstream import EventStream
from botocore.exceptions import ClientError, EventStreamError
from botocore.response import StreamingBody
from botocore.session import Session
from botocore.stub import Stubber
from urllib3.response import HTTPResponse

from llmtrace.testing.provider import Reply, faults
from tests.instrument.contract.apis_boto3 import CLAUDE, NOVA, converse_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded

MESSAGE = {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}
METRICS = "amazon-bedrock-invocationMetrics"
NOVA_BODY = json.dumps(converse_messages("Where is my parcel?"))


def client(provider: LocalProvider, service: str = "bedrock-runtime", **more: Any) -> Any:
    """Return a new client that makes one attempt."""
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=provider.url,
        aws_access_key_id="any",
        aws_secret_access_key="nobody's",
        config=Config(retries={"max_attempts": 0, "mode": "legacy"}),
        **more,
    )


def test_streams_and_bodies_keep_their_types(provider: LocalProvider, recorded: Recorded) -> None:
    bedrock = client(provider)

    stream = bedrock.converse_stream(modelId=NOVA, **converse_messages("Hi"))["stream"]
    body = bedrock.invoke_model(modelId=NOVA, body=NOVA_BODY)["body"]

    assert type(stream) is EventStream
    assert type(body) is StreamingBody
    assert isinstance(stream._raw_stream, HTTPResponse)
    assert isinstance(body._raw_stream, HTTPResponse)
    stream.close()
    body.close()
    assert len(recorded.spans()) == 2


def read_in_pieces(body: StreamingBody) -> bytes:
    """Read until nothing comes."""
    return b"".join(iter(lambda: body.read(7), b""))


def read_into(body: StreamingBody) -> bytes:
    """Read into memory of one's own."""
    found = b""
    room = bytearray(11)
    while size := body.readinto(room):
        found += bytes(room[:size])
    return found


def read_raw(body: StreamingBody) -> bytes:
    """Read what the body's context manager gives: urllib3's response."""
    with body as raw:
        return raw.read()


def read_as_file(body: StreamingBody) -> bytes:
    """Read through a standard wrapper."""
    return io.BufferedReader(body).read()


WAYS: dict[str, Callable[[StreamingBody], bytes]] = {
    "whole": lambda body: body.read(),
    "in pieces": read_in_pieces,
    "by chunks": lambda body: b"".join(body.iter_chunks(5)),
    "by iteration": b"".join,
    "by lines": lambda body: b"\n".join(body.iter_lines()),
    "all lines": lambda body: b"".join(body.readlines()),
    "into memory": read_into,
    "raw": read_raw,
    "as a file": read_as_file,
}


@pytest.mark.parametrize("chunk_bytes", [None, 13], ids=["sized", "chunked"])
@pytest.mark.parametrize("way", WAYS)
def test_a_body_is_seen_whichever_way_it_is_read(
    provider: LocalProvider, recorded: Recorded, way: str, chunk_bytes: int | None
) -> None:
    provider.enqueue(Reply(chunk_bytes=chunk_bytes))

    body = client(provider).invoke_model(modelId=NOVA, body=NOVA_BODY)["body"]
    read = WAYS[way](body)
    del body
    gc.collect()

    attributes = recorded.attributes()
    assert json.loads(attributes["llmtrace.response.body"]) == json.loads(read)
    assert attributes["gen_ai.usage.output_tokens"] == json.loads(read)["usage"]["outputTokens"]
    assert "llmtrace.stream.outcome" not in attributes


def test_a_body_that_is_read_in_part_and_closed_ends_the_call(
    provider: LocalProvider, recorded: Recorded
) -> None:
    body = client(provider).invoke_model(modelId=NOVA, body=NOVA_BODY)["body"]
    body.read(20)
    body.close()

    span = recorded.span()
    assert span["attributes"]["http.response.status_code"] == 200
    assert span["status"] == "unset"


def test_an_unread_body_is_counted_by_its_headers(
    provider: LocalProvider, recorded: Recorded
) -> None:
    told = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "3"}
    provider.enqueue(Reply(headers=told))

    client(provider).invoke_model(modelId=NOVA, body=NOVA_BODY)
    gc.collect()

    attributes = recorded.attributes()
    assert attributes["gen_ai.usage.input_tokens"] == 7
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert json.loads(attributes["llmtrace.usage.raw"]) == {
        METRICS: {"inputTokenCount": 7, "outputTokenCount": 3}
    }
    assert "gen_ai.request.stream" not in attributes
    assert recorded.span()["status"] == "unset"


def test_a_stream_whose_model_fails_raises_botocores_error_and_is_named_by_its_code(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(faults.exception_inside_stream("throttlingException"))
    stream = client(provider).converse_stream(modelId=NOVA, **converse_messages("Hi"))["stream"]

    with pytest.raises(EventStreamError) as raised:
        list(stream)
    stream.close()

    span = recorded.span()
    code = raised.value.response["Error"]["Code"]
    assert (span["status"], span["attributes"]["error.type"]) == ("error", code)
    assert span["attributes"]["llmtrace.stream.outcome"] == "failed"


def test_a_body_that_is_a_file_is_sent_and_recorded_without_its_text(
    provider: LocalProvider, recorded: Recorded
) -> None:
    body = client(provider).invoke_model(modelId=NOVA, body=io.BytesIO(NOVA_BODY.encode()))["body"]
    body.read()

    attributes = recorded.attributes()
    assert provider.requests[0].body == NOVA_BODY.encode()
    assert "llmtrace.request.body" not in attributes
    assert attributes["gen_ai.usage.input_tokens"] > 0


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        ("amazon.titan-embed-text-v2:0", "embeddings"),
        ("cohere.rerank-v3-5:0", "rerank"),
        ("stability.stable-image-core-v1:1", "image_generation"),
        ("amazon.nova-canvas-v1:0", "image_generation"),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "chat"),
    ],
)
def test_the_operation_follows_the_model(
    provider: LocalProvider, recorded: Recorded, model: str, operation: str
) -> None:
    provider.enqueue(Reply(json={"embedding": [0.5], "inputTextTokenCount": 4}))

    client(provider).invoke_model(modelId=model, body=NOVA_BODY)["body"].read()

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["gen_ai.request.model"] == model


REFUSED = Reply(
    status=403,
    body=b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
    content_type="text/xml",
    path="/",
)


def test_calls_of_other_services_are_not_recorded(
    provider: LocalProvider, recorded: Recorded
) -> None:
    provider.enqueue(REFUSED, REFUSED)

    for service, call in (("sts", "get_caller_identity"), ("s3", "list_buckets")):
        with contextlib.suppress(ClientError):
            getattr(client(provider, service), call)()

    assert len(provider.requests) == 2
    assert recorded.spans() == []


def test_credentials_that_are_fetched_inside_a_call_are_no_part_of_it(
    provider: LocalProvider, recorded: Recorded
) -> None:
    # given: credentials that are asked for when the request is signed
    def refresh() -> dict[str, str]:
        with contextlib.suppress(ClientError):
            client(provider, "sts").get_caller_identity()
        keys = {"access_key": "any", "secret_key": "nobody's", "token": "t"}
        return {**keys, "expiry_time": "2099-01-01T00:00:00Z"}

    provider.enqueue(REFUSED)
    session = Session()
    session._credentials = DeferredRefreshableCredentials(refresh, "test")
    bedrock = session.create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=provider.url
    )

    # when
    bedrock.converse(modelId=NOVA, **converse_messages("Where is my parcel?"))

    # then
    attributes = recorded.attributes()
    paths = [request.path for request in provider.requests]
    assert paths == ["/", f"/model/{quoted(NOVA)}/converse"]
    assert attributes["llmtrace.retry.count"] == 0
    assert "parcel" in attributes["llmtrace.request.body"]


def test_an_answer_that_never_went_over_http_is_a_call_without_tokens(
    provider: LocalProvider, recorded: Recorded
) -> None:
    bedrock = client(provider)
    with Stubber(bedrock) as stub:
        usage = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}
        made: dict[str, Any] = {"output": MESSAGE, "usage": usage, "metrics": {"latencyMs": 1}}
        stub.add_response("converse", {**made, "stopReason": "end_turn"})
        bedrock.converse(modelId=NOVA, **converse_messages("Hi"))

    attributes = recorded.attributes()
    assert attributes["gen_ai.request.model"] == NOVA
    assert "gen_ai.usage.input_tokens" not in attributes


def test_an_error_that_never_went_over_http_is_recorded(
    provider: LocalProvider, recorded: Recorded
) -> None:
    bedrock = client(provider)
    with Stubber(bedrock) as stub:
        stub.add_client_error("converse", "ThrottlingException", "slow down", 429)
        with pytest.raises(ClientError):
            bedrock.converse(modelId=NOVA, **converse_messages("Hi"))

    assert recorded.attributes()["error.type"] == "ThrottlingException"


def test_arguments_that_botocore_refuses_are_an_error_without_a_request(
    provider: LocalProvider, recorded: Recorded
) -> None:
    with pytest.raises(Exception, match="messages"):
        client(provider).converse(modelId=NOVA, messages="Hi")

    span = recorded.span()
    assert span["attributes"]["error.type"] == "botocore.ParamValidationError"
    assert provider.requests == []


def test_cached_prompts_are_counted_by_their_lifetime(
    provider: LocalProvider, recorded: Recorded
) -> None:
    long = "You help people with their parcels. " * 200
    asked = {
        "modelId": CLAUDE,
        "system": [{"text": long}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        **converse_messages("Hi"),
    }
    bedrock = client(provider)
    for _ in range(2):
        bedrock.converse(**asked)

    written, read = (span["attributes"] for span in recorded.spans())
    assert written["llmtrace.usage.cache_write_1h_tokens"] > 1_000
    assert written["llmtrace.cache.status"] == "miss"
    assert read["gen_ai.usage.cache_read.input_tokens"] > 1_000
    assert read["llmtrace.cache.status"] == "hit"


def test_the_tier_is_the_one_it_was_served_at(provider: LocalProvider, recorded: Recorded) -> None:
    bedrock = client(provider)
    bedrock.converse(modelId=NOVA, serviceTier={"type": "flex"}, **converse_messages("Hi"))
    provider.enqueue(Reply(headers={"x-amzn-bedrock-service-tier": "priority"}))
    bedrock.invoke_model(modelId=NOVA, body=NOVA_BODY)["body"].read()

    tiers = [span["attributes"]["llmtrace.service_tier"] for span in recorded.spans()]
    assert tiers == ["flex", "priority"]


def test_a_submitted_job_is_not_counted(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(Reply(json={"invocationArn": "arn:aws:bedrock:us-east-1:1:async-invoke/x"}))

    client(provider).start_async_invoke(
        modelId="amazon.nova-reel-v1:0",
        modelInput={"taskType": "TEXT_VIDEO"},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://bucket/x"}},
    )

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == "batch"
    assert attributes["gen_ai.request.model"] == "amazon.nova-reel-v1:0"
    assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]


def quoted(model: str) -> str:
    """Return a model's id as it stands in a path."""
    return model.replace(":", "%3A")
