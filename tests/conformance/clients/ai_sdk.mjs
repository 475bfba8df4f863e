// The realtime codec of the Vercel AI SDK, over a socket of our own: its session class needs a browser's audio.
import { createOpenAI } from "@ai-sdk/openai";
import { WebSocket } from "ws";

import { HTTP, MODEL, frames, run, same, until } from "./turns.mjs";

const TOOL = { type: "function", name: "get_weather", description: "The weather", parameters: { type: "object", properties: { city: { type: "string" } } } };

async function talking(config, turn) {
  const model = createOpenAI({ baseURL: HTTP, apiKey: "none" }).experimental_realtime(MODEL, { api: "realtime" });
  const { url, headers } = await model.getServerWebSocketConfig();
  const socket = new WebSocket(url, { headers });
  const events = [];
  socket.on("message", (data) => events.push(model.parseServerEvent(JSON.parse(String(data)))));
  const of = (type) => events.filter((event) => event.type === type);
  const send = (event) => socket.send(JSON.stringify(model.serializeClientEvent(event)));
  try {
    await until(() => of("session-created").length, "session-created");
    const turnDetection = { type: "server-vad", silenceDurationMs: 500 };
    send({ type: "session-update", config: { turnDetection, ...config } });
    await until(() => of("session-updated").length, "session-updated");
    await turn(send, of);
    same(of("error"), []);
  } finally {
    socket.close();
  }
}

function say(send, text) {
  send({ type: "conversation-item-create", item: { type: "text-message", role: "user", text } });
  send({ type: "response-create" });
}

function speak(send, name) {
  for (const frame of frames(name)) send({ type: "input-audio-append", audio: frame.toString("base64") });
}

await run({
  text: () =>
    talking({ outputModalities: ["text"] }, async (send, of) => {
      say(send, "Good morning");
      await until(() => of("response-done").length, "response-done");
      same(of("text-done")[0].text, "You said: Good morning");
    }),
  audio: () =>
    talking({ outputModalities: ["audio"] }, async (send, of) => {
      speak(send, "question");
      speak(send, "silence");
      await until(() => of("response-done").length, "response-done");
      if (!of("audio-delta").length) throw new Error("no sound");
    }),
  function: () =>
    talking({ outputModalities: ["text"], tools: [TOOL] }, async (send, of) => {
      say(send, "What is the weather in Oslo?");
      await until(() => of("function-call-arguments-done").length, "the call");
      const call = of("function-call-arguments-done")[0];
      same([call.name, call.arguments], ["get_weather", '{"city": "Oslo"}']);
      await until(() => of("response-done").length, "its end");
      send({ type: "conversation-item-create", item: { type: "function-call-output", callId: call.callId, output: "sunny" } });
      send({ type: "response-create" });
      await until(() => of("text-done").length, "the answer");
      same(of("text-done")[0].text, "The weather is sunny.");
    }),
  interruption: () =>
    talking({ outputModalities: ["audio"] }, async (send, of) => {
      say(send, "Tell me a story");
      await until(() => of("audio-delta").length, "the story");
      speak(send, "stop");
      await until(() => of("response-done").length, "its end");
      same(of("response-done")[0].status, "cancelled");
      send({ type: "conversation-item-truncate", itemId: of("audio-delta")[0].itemId, contentIndex: 0, audioEndMs: 50 });
      speak(send, "silence");
      await until(() => of("response-done").length === 2, "the next answer");
    }),
  // A transcription session without turn detection: its first transcript is the last.
  transcription: async () => {
    const model = createOpenAI({ baseURL: HTTP, apiKey: "none", webSocket: WebSocket }).transcription("gpt-realtime-whisper");
    const audio = ReadableStream.from(frames("question"));
    const { stream } = await model.doStream({ audio, inputAudioFormat: { type: "audio/pcm", rate: 24000 }, headers: {} });
    const parts = [];
    for await (const part of stream) parts.push(part);
    const final = parts.find((part) => part.type === "transcript-final");
    if (!final?.text.includes("seconds of audio")) throw new Error(JSON.stringify(parts));
  },
});
