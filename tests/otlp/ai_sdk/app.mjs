// An app with Vercel's AI SDK, told of by @vercel/otel; test_ai_sdk.py makes the same calls in Python.
// node app.mjs <OpenAI's URL> <Anthropic's URL> <collector's URL> <standard|legacy>
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry, OpenTelemetry } from "@ai-sdk/otel";
import { OTLPHttpProtoTraceExporter, registerOTel } from "@vercel/otel";
import { embed, generateText, registerTelemetry, streamText } from "ai";

const [openaiUrl, anthropicUrl, collector, spans] = process.argv.slice(2);
const exporter = new OTLPHttpProtoTraceExporter({ url: `${collector}/v1/traces` });
registerOTel({ serviceName: "ai-sdk", traceExporter: exporter });
registerTelemetry(spans === "legacy" ? new LegacyOpenTelemetry() : new OpenTelemetry());

const openai = createOpenAI({ baseURL: openaiUrl, apiKey: "any" });
const anthropic = createAnthropic({ baseURL: `${anthropicUrl}/v1`, apiKey: "any" });
const telemetry = { isEnabled: true };
const LONG = "You are a careful assistant of a parcel company. ".repeat(200);

const chat = { model: openai.chat("gpt-4o-mini"), system: LONG, prompt: "Where is my parcel?", telemetry };
await generateText(chat);
await generateText(chat);
await streamText(chat).consumeStream();
await generateText({ model: openai.responses("o4-mini"), prompt: "Think hard", telemetry });
await embed({ model: openai.embedding("text-embedding-3-small"), value: "hello there", telemetry });
const cached = { anthropic: { cacheControl: { type: "ephemeral" } } };
for (let call = 0; call < 2; call += 1) {
  await generateText({
    model: anthropic("claude-sonnet-4-5"),
    maxOutputTokens: 50,
    system: { role: "system", content: LONG, providerOptions: cached },
    prompt: "Where is it?",
    telemetry,
  });
}
const { trace } = await import("@opentelemetry/api");
await trace.getTracerProvider().getDelegate().forceFlush();
