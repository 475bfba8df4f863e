// The official Node client, GA and beta classes, and its browser class.
import net from "node:net";

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS as BetaWS } from "openai/beta/realtime/ws";

import { HTTP, MODEL, frames, run, same, until } from "./turns.mjs";

const client = new OpenAI({ apiKey: "none", baseURL: HTTP, dangerouslyAllowBrowser: true });
// It always builds wss: URLs; a plain socket beneath takes the TLS away.
const plain = { createConnection: (options) => net.connect(options.port, options.host) };
const TOOL = { type: "function", name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } };

// The global WebSocket with the s of wss: taken away, for the class that uses it.
const Native = globalThis.WebSocket ?? (await import("ws")).WebSocket;
globalThis.WebSocket = class extends Native {
  constructor(url, protocols) {
    super(String(url).replace("wss:", "ws:"), protocols);
  }
};

async function talking(beta, session, turn, native = false) {
  const made = native
    ? new OpenAIRealtimeWebSocket({ model: MODEL }, client)
    : new (beta ? BetaWS : OpenAIRealtimeWS)({ model: "gpt-4o-realtime-preview", options: plain }, client);
  const events = [];
  const errors = [];
  made.on("event", (event) => events.push(event));
  made.on("error", (error) => errors.push(error));
  const of = (kind) => events.filter((event) => event.type === kind);
  try {
    await until(() => of("session.created").length, "session.created");
    if (native) same(made.socket.protocol, "realtime");
    made.send({ type: "session.update", session });
    await until(() => of("session.updated").length, "session.updated");
    await turn(made, of);
    same(errors.map(String), []);
  } finally {
    made.close();
  }
}

const session = (beta, text, extra = {}) =>
  beta
    ? { modalities: text ? ["text"] : ["text", "audio"], ...extra }
    : { type: "realtime", output_modalities: [text ? "text" : "audio"], ...extra };
const delta = (beta, kind) => (beta ? `response.${kind}.delta` : `response.output_${kind}.delta`);

function say(made, text) {
  made.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  made.send({ type: "response.create" });
}

function speak(made, name) {
  for (const frame of frames(name)) made.send({ type: "input_audio_buffer.append", audio: frame.toString("base64") });
}

const turns = {};
for (const [prefix, beta, native] of [["", false, false], ["beta_", true, false], ["browser_", false, true]]) {
  turns[`${prefix}text`] = () =>
    talking(beta, session(beta, true), async (made, of) => {
      say(made, "Good morning");
      await until(() => of("response.done").length, "response.done");
      same(of(delta(beta, "text")).map((event) => event.delta).join(""), "You said: Good morning");
    }, native);
  turns[`${prefix}audio`] = () =>
    talking(beta, session(beta, false), async (made, of) => {
      speak(made, "question");
      speak(made, "silence");
      await until(() => of("response.done").length, "response.done");
      if (!of(delta(beta, "audio")).length) throw new Error("no sound");
    }, native);
  turns[`${prefix}function`] = () =>
    talking(beta, session(beta, true, { tools: [TOOL] }), async (made, of) => {
      say(made, "What is the weather in Oslo?");
      await until(() => of("response.done").length, "the call");
      const call = of("response.done")[0].response.output[0];
      same([call.name, call.arguments], ["get_weather", '{"city": "Oslo"}']);
      made.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: call.call_id, output: "sunny" } });
      made.send({ type: "response.create" });
      await until(() => of("response.done").length === 2, "the answer");
      same(of(delta(beta, "text")).map((event) => event.delta).join(""), "The weather is sunny.");
    }, native);
  turns[`${prefix}interruption`] = () =>
    talking(beta, session(beta, false), async (made, of) => {
      say(made, "Tell me a story");
      await until(() => of(delta(beta, "audio")).length, "the story");
      speak(made, "stop");
      await until(() => of("response.done").length, "its end");
      same(of("response.done")[0].response.status_details, { type: "cancelled", reason: "turn_detected" });
      const item_id = of("response.done")[0].response.output[0].id;
      made.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms: 50 });
      await until(() => of("conversation.item.truncated").length, "truncated");
      speak(made, "silence");
      await until(() => of("response.done").length === 2, "the next answer");
    }, native);
}
await run(turns);
