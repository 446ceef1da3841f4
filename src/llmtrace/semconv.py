"""Every attribute name that llmtrace emits or reads. Nothing else spells them.

Standard names follow the OpenTelemetry GenAI conventions as released in
opentelemetry-util-genai 1.3b0 (layer L1); the constants left the core semconv package, so they
are written out here. ``llmtrace.*`` names exist only where there is no standard one.
"""

from __future__ import annotations

from typing import Final

SCOPE_NAME: Final = "llmtrace"

# --- resource -----------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
DEPLOYMENT_ENVIRONMENT: Final = "deployment.environment.name"
DEPLOYMENT_ENVIRONMENT_OLD: Final = "deployment.environment"
PROCESS_PID: Final = "process.pid"
HOST_NAME: Final = "host.name"

# --- general ------------------------------------------------------------------------------
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_STATUS_CODE: Final = "http.response.status_code"
USER_ID: Final = "user.id"

# --- GenAI: what was asked ----------------------------------------------------------------
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
SYSTEM_OLD: Final = "gen_ai.system"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"

# --- GenAI: what came back ----------------------------------------------------------------
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_CREATION: Final = "gen_ai.usage.cache_creation.input_tokens"
USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"  # L2 name; read, not emitted
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"
# Names that older emitters use; read, not emitted.
USAGE_PROMPT_OLD: Final = "gen_ai.usage.prompt_tokens"
USAGE_COMPLETION_OLD: Final = "gen_ai.usage.completion_tokens"
USAGE_CACHE_READ_OLD: Final = "gen_ai.usage.cache_read_input_tokens"
USAGE_CACHE_CREATION_OLD: Final = "gen_ai.usage.cache_creation_input_tokens"
USAGE_CACHE_WRITE_OLD: Final = "gen_ai.usage.cache_write_input_tokens"
USAGE_REASONING_OLD: Final = "gen_ai.usage.reasoning_tokens"
USAGE_AUDIO_INPUT: Final = "gen_ai.usage.audio.input_tokens"
USAGE_IMAGE_INPUT: Final = "gen_ai.usage.image.input_tokens"
USAGE_AUDIO_OUTPUT: Final = "gen_ai.usage.audio.output_tokens"
USAGE_IMAGE_OUTPUT: Final = "gen_ai.usage.image.output_tokens"

# --- GenAI: content (JSON strings on spans) -----------------------------------------------
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

# --- GenAI: agents and tools --------------------------------------------------------------
AGENT_ID: Final = "gen_ai.agent.id"
AGENT_NAME: Final = "gen_ai.agent.name"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"  # content, as the two below
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
MCP_METHOD: Final = "mcp.method.name"

# --- ours: structure of frameworks ----------------------------------------------------------
MCP_SERVER: Final = "llmtrace.mcp.server"
"""Name that a server of tools gave itself when the session began."""
GUARDRAIL_TRIGGERED: Final = "llmtrace.guardrail.triggered"
OPENINFERENCE_KIND: Final = "openinference.span.kind"  # read, not emitted
COUNTED_BELOW: Final = "llmtrace.counted_below"
"""On a span of another tool that stands for a call which another span counts: one of ours below
it, or a span of the same tool whose sums it repeats."""
PROVIDER_INFERRED: Final = "llmtrace.provider.inferred"
"""Set by the store: a foreign span named no provider; it is that of the model's name."""
COUNTED_ELSEWHERE: Final = "llmtrace.counted_elsewhere"
"""Set by the store: a span of another origin, in the same trace, counts the same call."""
DIALECT: Final = "llmtrace.dialect"
"""Set by the store: whose names a foreign span was read by (``otlp.dialects``)."""

# --- ours: attribution --------------------------------------------------------------------
TENANT: Final = "llmtrace.tenant"
FEATURE: Final = "llmtrace.feature"
TAG_PREFIX: Final = "llmtrace.tag."

# --- ours: usage and money ----------------------------------------------------------------
USAGE_CACHE_WRITE_5M: Final = "llmtrace.usage.cache_write_5m_tokens"
USAGE_CACHE_WRITE_1H: Final = "llmtrace.usage.cache_write_1h_tokens"
USAGE_SOURCE: Final = "llmtrace.usage.source"
"""``provider`` (the provider counted), ``partial`` (it counted a part), ``estimated`` (we did)."""
USAGE_ANOMALY: Final = "llmtrace.usage.anomaly"
USAGE_RAW: Final = "llmtrace.usage.raw"
USAGE_UNITS_PREFIX: Final = "llmtrace.usage.units."
"""Before a kind of ``TokenUsage.units`` (``images``, ``audio_seconds``, …); a double."""
USAGE_REQUESTS_PREFIX: Final = "llmtrace.usage.requests."
"""Before a kind of ``TokenUsage.requests`` (``web_search``, …); how many."""
COST_TOTAL: Final = "llmtrace.cost.total_usd"
COST_INPUT: Final = "llmtrace.cost.input_usd"
COST_OUTPUT: Final = "llmtrace.cost.output_usd"
COST_CACHE_READ: Final = "llmtrace.cost.cache_read_usd"
COST_CACHE_WRITE: Final = "llmtrace.cost.cache_write_usd"
COST_TOOLS: Final = "llmtrace.cost.tools_usd"
COST_SOURCE: Final = "llmtrace.cost.source"
"""``provider`` | ``override`` | ``list`` | ``estimated`` | ``unpriced``."""
COST_STATED: Final = "llmtrace.cost.stated_usd"
"""What the tool whose export was imported says that the call cost; never summed."""
CACHE_SAVINGS: Final = "llmtrace.cost.cache_savings_usd"
PRICE_VERSION: Final = "llmtrace.price.version"
SERVICE_TIER: Final = "llmtrace.service_tier"
CACHE_STATUS: Final = "llmtrace.cache.status"
"""``hit`` | ``miss`` | ``bypass``."""
CACHE_NAME: Final = "llmtrace.cache.name"
"""Whose response cache ``CACHE_STATUS`` is about (``helicone``, ``langchain``, …); absent for the
provider's prompt cache. A hit in a response cache costs nothing."""

# --- ours: reliability --------------------------------------------------------------------
BATCH_ID: Final = "llmtrace.batch.id"
"""The provider's id of a batch: on the calls that handle it, and on its results."""
BATCH_CUSTOM_ID: Final = "llmtrace.batch.custom_id"
"""The app's own id of one request in a batch. Only on results, whose ids are made of it: a result
that is fetched again is the same span again, whenever that is."""
RETRY_COUNT: Final = "llmtrace.retry.count"
REQUEST_ID: Final = "llmtrace.request_id"
RATE_LIMIT_LIMIT_REQUESTS: Final = "llmtrace.rate_limit.limit_requests"
RATE_LIMIT_REMAINING_REQUESTS: Final = "llmtrace.rate_limit.remaining_requests"
RATE_LIMIT_LIMIT_TOKENS: Final = "llmtrace.rate_limit.limit_tokens"
RATE_LIMIT_REMAINING_TOKENS: Final = "llmtrace.rate_limit.remaining_tokens"
RATE_LIMIT_RETRY_AFTER: Final = "llmtrace.rate_limit.retry_after_s"
STREAM_OUTCOME: Final = "llmtrace.stream.outcome"
"""``completed`` | ``abandoned`` (left before its end) | ``failed``."""

# --- ours: content ------------------------------------------------------------------------
SDK: Final = "llmtrace.sdk"
API: Final = "llmtrace.api"
"""Wire format of the bodies (``API_*`` below); chooses the pure functions that read them."""
REQUEST_BODY: Final = "llmtrace.request.body"
LEFT_OUT: Final = "llmtrace.response.left_out"
"""Media type and, if known, size of an answer that is a file (speech): it is never kept."""
RESPONSE_BODY: Final = "llmtrace.response.body"
"""JSON as the provider defines it; a streamed answer is merged into its plain form."""
REDACTED: Final = "llmtrace.redacted"
"""What was taken out, as ``kind=count`` pairs, sorted, comma separated."""
TRUNCATED: Final = "llmtrace.truncated"

FORGOTTEN: Final = "llmtrace.forgotten"
"""``true`` on stored spans whose user was forgotten (``llmtrace forget``); never sent."""

# --- ours: self-metrics on the resource ---------------------------------------------------
PROJECT: Final = "llmtrace.project"
"""Resource attribute: whose token the spans came with; written by the collector, or by the owner
of the store who imports a file for a project."""
DROPPED_PREFIX: Final = "llmtrace.dropped."
"""Before a reason; the value is how many calls the app lost since the request before this one.
Added up by the store, never kept with a span."""

# --- ours: what was imported (``otlp.imports``) ----------------------------------------------
IMPORT_SCOPE_PREFIX: Final = "import."
"""Before the name of a format: the origin of spans that were made of an export's records."""
IMPORT_FORMAT: Final = "llmtrace.import.format"
"""Resource attribute, as the two below."""
IMPORT_FILE: Final = "llmtrace.import.file"
IMPORT_RUN: Final = "llmtrace.import.run"
"""Which ``llmtrace import`` brought the span; a run that repeats one brings nothing new."""
REPORT_REQUESTS: Final = "llmtrace.usage_report.requests"
"""How many calls a row of a provider's usage report stands for."""
REPORT_KEY: Final = "llmtrace.usage_report.key"
"""Same for reports of one bucket that were exported at different times."""

# --- ours: in the OpenTelemetry context of a process, never sent ----------------------------
OFFLINE_KEY: Final = "llmtrace-offline"
"""Set while answers come from the store (``llmtrace.replay``): such calls cost nothing and are
not recorded."""
INNER_CALLS_KEY: Final = "llmtrace-inner-calls"
"""Set by a framework's integration around one model call of the framework; see
``invocation.InnerCalls``."""

# --- what other emitters call it: read by otlp.dialects, never emitted ------------------------
COMPLETION_OLD: Final = "gen_ai.completion"
PROMPT_OLD: Final = "gen_ai.prompt"
USAGE_RAW_LOGFIRE: Final = "gen_ai.usage.raw"
USAGE_DETAILS_PREFIX: Final = "gen_ai.usage.details."
GEN_AI_PREFIX: Final = "gen_ai."
USAGE_COST_TICKS_XAI: Final = "gen_ai.usage.cost_in_usd_ticks"
USAGE_CACHED_XAI: Final = "gen_ai.usage.cached_prompt_text_tokens"
USAGE_IMAGE_XAI: Final = "gen_ai.usage.prompt_image_tokens"
SYSTEM_FINGERPRINT_XAI: Final = "gen_ai.response.system_fingerprint"
USAGE_TOTAL_OLD: Final = "gen_ai.usage.total_tokens"
EVENT_DETAILS: Final = "gen_ai.client.inference.operation.details"
EVENT_SYSTEM: Final = "gen_ai.system.message"
EVENT_USER: Final = "gen_ai.user.message"
EVENT_ASSISTANT: Final = "gen_ai.assistant.message"
EVENT_TOOL: Final = "gen_ai.tool.message"
FINISH_REASON_OLD: Final = "gen_ai.response.finish_reason"
IS_STREAMING_OLD: Final = "gen_ai.is_streaming"
EVENT_CHOICE: Final = "gen_ai.choice"
EVENT_PROMPT: Final = "gen_ai.content.prompt"
EVENT_COMPLETION: Final = "gen_ai.content.completion"
SERVER_WAIT_OLD: Final = "gen_ai.server.time_to_first_token"
EVENT_START_TIME: Final = "gen_ai.event.start_time"
PROMPT_FIRST_OLD: Final = "gen_ai.prompt.0."
STOP_REASON_OLD: Final = "gen_ai.response.stop_reason"
SYSTEM_FINGERPRINT_OLD: Final = "gen_ai.openai.response.system_fingerprint"

# --- closed sets --------------------------------------------------------------------------
OP_CHAT: Final = "chat"
OP_TEXT_COMPLETION: Final = "text_completion"
OP_GENERATE_CONTENT: Final = "generate_content"
OP_EMBEDDINGS: Final = "embeddings"
OP_RERANK: Final = "rerank"
OP_IMAGE_GENERATION: Final = "image_generation"
OP_VIDEO_GENERATION: Final = "video_generation"
OP_SPEECH: Final = "text_to_speech"
OP_TRANSCRIPTION: Final = "transcription"
OP_MODERATION: Final = "moderation"
OP_CLASSIFICATION: Final = "classification"
OP_OCR: Final = "ocr"
OP_FETCH_RESPONSE: Final = "fetch_response"
OP_COUNT_TOKENS: Final = "count_tokens"
OP_BATCH: Final = "batch"
"""Submitting, looking at or cancelling a batch; its results are inferences of their own."""
OP_USAGE_REPORT: Final = "usage_report"
"""A provider's own sum of many calls (imported): never an inference, never in a sum of ours."""
OP_RETRIEVAL: Final = "retrieval"
OP_EXECUTE_TOOL: Final = "execute_tool"
OP_INVOKE_AGENT: Final = "invoke_agent"
OP_INVOKE_WORKFLOW: Final = "invoke_workflow"

INFERENCE_OPERATIONS: Final = frozenset(
    {
        OP_CHAT,
        OP_TEXT_COMPLETION,
        OP_GENERATE_CONTENT,
        OP_EMBEDDINGS,
        OP_RERANK,
        OP_IMAGE_GENERATION,
        OP_VIDEO_GENERATION,
        OP_SPEECH,
        OP_TRANSCRIPTION,
        OP_MODERATION,
        OP_CLASSIFICATION,
        OP_OCR,
    }
)
"""Only spans of these operations carry usage and cost into sums (design decision 6)."""

API_OPENAI_CHAT: Final = "openai.chat"
API_OPENAI_RESPONSES: Final = "openai.responses"
API_OPENAI_EMBEDDINGS: Final = "openai.embeddings"
API_OPENAI_COMPLETIONS: Final = "openai.completions"
API_OPENAI_IMAGES: Final = "openai.images"
API_OPENAI_TRANSCRIPTION: Final = "openai.transcription"
API_OPENAI_SPEECH: Final = "openai.speech"
API_OPENAI_MODERATIONS: Final = "openai.moderations"
API_OPENAI_VIDEOS: Final = "openai.videos"
API_OPENAI_REALTIME: Final = "openai.realtime"
"""One response of a realtime session: the events that belong to it."""
API_OPENAI_BATCH: Final = "openai.batch"
API_ANTHROPIC_MESSAGES: Final = "anthropic.messages"
API_ANTHROPIC_COUNT_TOKENS: Final = "anthropic.count_tokens"
API_ANTHROPIC_BATCH: Final = "anthropic.batch"
API_GEMINI_GENERATE: Final = "gemini.generate_content"
API_GEMINI_EMBED: Final = "gemini.embed_content"
API_GEMINI_INTERACTIONS: Final = "gemini.interactions"
API_GEMINI_LIVE: Final = "gemini.live"
API_GEMINI_PREDICT: Final = "gemini.predict"
"""Vertex' and Gemini's ``:predict``: images and embeddings."""
API_COHERE_CHAT: Final = "cohere.chat"
API_COHERE_CHAT_V1: Final = "cohere.chat_v1"
API_COHERE_EMBED: Final = "cohere.embed"
API_COHERE_RERANK: Final = "cohere.rerank"
API_COHERE_PARSE: Final = "cohere.parse"
API_MISTRAL_CHAT: Final = "mistral.chat"
"""OpenAI's chat with differences; FIM and agents too."""
API_MISTRAL_CONVERSATIONS: Final = "mistral.conversations"
API_MISTRAL_OCR: Final = "mistral.ocr"
API_MISTRAL_TRANSCRIPTION: Final = "mistral.transcription"
API_BEDROCK_CONVERSE: Final = "bedrock.converse"
API_BEDROCK_INVOKE: Final = "bedrock.invoke"
"""The body is the model vendor's own; the model id says whose."""
API_BEDROCK_AGENT: Final = "bedrock.agent"
API_OLLAMA_CHAT: Final = "ollama.chat"
API_OLLAMA_GENERATE: Final = "ollama.generate"
API_OLLAMA_EMBED: Final = "ollama.embed"
API_XAI_CHAT: Final = "xai.chat"
"""xAI's gRPC messages as JSON."""
API_FRAMEWORK: Final = "framework"
"""What a framework tells of a call that no SDK of ours made; see ``integrations/``."""
