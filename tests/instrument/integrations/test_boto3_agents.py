"""Bedrock's agents, flows, knowledge bases and rerank through boto3: structure, but for rerank."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from llmtrace.testing.provider import Reply
from llmtrace.wire.aws_eventstream import CONTENT_TYPE, encode_message
from tests.instrument.contract.apis_boto3 import NOVA
from tests.instrument.integrations.test_boto3 import client

if TYPE_CHECKING:
    from llmtrace.testing.provider import LocalProvider
    from tests.instrument.recording import Recorded


def frames(*events: tuple[str, dict[str, Any]]) -> Reply:
    """Return an answer that streams these events."""
    data = b"".join(encode_message(name, json.dumps(event).encode()) for name, event in events)
    return Reply(body=data, content_type=CONTENT_TYPE)


def test_an_agent_is_structure_and_its_traces_tell_what_its_models_consumed(
    provider: LocalProvider, recorded: Recorded
) -> None:
    told = {"metadata": {"usage": {"inputTokens": 30, "outputTokens": 4}}}
    text = base64.b64encode(b"It is on its way.").decode()
    provider.enqueue(
        frames(
            ("trace", {"trace": {"orchestrationTrace": {"modelInvocationOutput": told}}}),
            ("chunk", {"bytes": text}),
        )
    )

    answer = client(provider, "bedrock-agent-runtime").invoke_agent(
        agentId="AGENT1", agentAliasId="ALIAS1", sessionId="session-1", inputText="Where?"
    )
    said = b"".join(e["chunk"]["bytes"] for e in answer["completion"] if "chunk" in e)

    attributes = recorded.attributes()
    assert said == b"It is on its way."
    assert attributes["gen_ai.operation.name"] == "invoke_agent"
    assert attributes["gen_ai.agent.id"] == "AGENT1"
    assert attributes["gen_ai.conversation.id"] == "session-1"
    assert attributes["llmtrace.stream.outcome"] == "completed"
    assert json.loads(attributes["llmtrace.usage.raw"])["inputTokens"] == 30
    assert not [n for n in attributes if n.startswith(("gen_ai.usage", "llmtrace.cost"))]


def test_a_flow_and_a_knowledge_base_are_structure(
    provider: LocalProvider, recorded: Recorded
) -> None:
    agents = client(provider, "bedrock-agent-runtime")
    provider.enqueue(
        frames(
            ("flowOutputEvent", {"nodeName": "n", "nodeType": "FlowOutputNode",
                                 "content": {"document": "Hi"}}),
            ("flowCompletionEvent", {"completionReason": "SUCCESS"}),
        ),
        Reply(json={"retrievalResults": []}),
        Reply(json={"output": {"text": "Hi"}, "citations": [], "sessionId": "s"}),
    )  # fmt: skip
    node = {"content": {"document": "Hi"}, "nodeName": "i", "nodeOutputName": "o"}

    flow = agents.invoke_flow(flowIdentifier="FLOW1", flowAliasIdentifier="A", inputs=[node])
    list(flow["responseStream"])
    agents.retrieve(knowledgeBaseId="KB12345678", retrievalQuery={"text": "Where?"})
    base = {"knowledgeBaseId": "KB12345678", "modelArn": NOVA}
    agents.retrieve_and_generate(
        input={"text": "Where?"},
        retrieveAndGenerateConfiguration={
            "type": "KNOWLEDGE_BASE",
            "knowledgeBaseConfiguration": base,
        },
    )

    flowed, retrieved, generated = (span["attributes"] for span in recorded.spans())
    assert flowed["gen_ai.operation.name"] == "invoke_workflow"
    assert flowed["gen_ai.workflow.name"] == "FLOW1"
    assert retrieved["gen_ai.operation.name"] == "retrieval"
    assert retrieved["gen_ai.data_source.id"] == "KB12345678"
    assert generated["gen_ai.request.model"] == NOVA


def test_a_rerank_is_counted_by_the_unit(provider: LocalProvider, recorded: Recorded) -> None:
    provider.enqueue(Reply(json={"results": [{"index": 0, "relevanceScore": 0.9}]}))
    documents = 101

    client(provider, "bedrock-agent-runtime").rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": "parcel"}}],
        sources=[
            {
                "type": "INLINE",
                "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": f"doc {n}"}},
            }
            for n in range(documents)
        ],
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {
                    "modelArn": "arn:aws:bedrock:us-east-1::x/amazon.rerank-v1:0"
                }
            },
        },
    )

    attributes = recorded.attributes()
    assert attributes["gen_ai.operation.name"] == "rerank"
    assert attributes["gen_ai.request.model"].endswith("amazon.rerank-v1:0")
    assert attributes["llmtrace.usage.units.search_units"] == math.ceil(documents / 100)
