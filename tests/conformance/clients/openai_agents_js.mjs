// OpenAI's Agents SDK for JavaScript.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";

import { MODEL, WS, frames, run, said, same, until } from "./turns.mjs";

const asked = [];
const getWeather = tool({
  name: "get_weather",
  description: "The weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => (asked.push(city), "sunny"),
});

async function talking(modality, turn) {
  const agent = new RealtimeAgent({ name: "Server", instructions: "Be brief.", tools: [getWeather] });
  const transport = new OpenAIRealtimeWebSocket();
  const turnDetection = { type: "server_vad", createResponse: true, interruptResponse: true, silenceDurationMs: 500 };
  const session = new RealtimeSession(agent, {
    transport,
    model: MODEL,
    config: { outputModalities: [modality], audio: { input: { turnDetection } } },
    tracingDisabled: true,
  });
  const events = [];
  const heard = { audio: 0, interrupted: 0, errors: [] };
  session.on("transport_event", (event) => events.push(event));
  session.on("audio", (event) => (heard.audio += event.data.byteLength));
  session.on("audio_interrupted", () => (heard.interrupted += 1));
  session.on("error", (error) => heard.errors.push(error));
  try {
    await session.connect({ apiKey: "none", url: `${WS}/realtime?model=${MODEL}` });
    await until(() => events.some((event) => event.type === "session.updated"), "session.updated");
    await turn(session, heard, events);
    same(heard.errors, []);
  } finally {
    session.close();
  }
}

function speak(session, name) {
  for (const frame of frames(name)) session.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength));
}

await run({
  text: () =>
    talking("text", async (session) => {
      session.sendMessage("Good morning");
      await until(() => said(session).includes("You said: Good morning"), "the answer");
    }),
  audio: () =>
    talking("audio", async (session, heard) => {
      speak(session, "question");
      speak(session, "silence");
      await until(() => said(session).some((text) => text.includes("seconds of audio")), "the answer");
      await until(() => heard.audio, "its sound");
    }),
  function: () =>
    talking("text", async (session) => {
      session.sendMessage("What is the weather in Oslo?");
      await until(() => said(session).includes("The weather is sunny."), "the answer");
      same(asked, ["Oslo"]);
    }),
  interruption: () =>
    talking("audio", async (session, heard, events) => {
      session.sendMessage("Tell me a story");
      await until(() => heard.audio, "the story");
      speak(session, "stop");
      await until(() => heard.interrupted, "the interruption");
      await until(() => events.some((event) => event.type === "conversation.item.truncated"), "truncated");
      speak(session, "silence");
      await until(() => said(session).some((text) => text.includes("seconds of audio")), "the next answer");
    }),
  // What was said is taken away, and something else put before it.
  history: () =>
    talking("text", async (session, heard, events) => {
      const of = (type) => events.filter((event) => event.type === type);
      session.sendMessage("Good morning");
      await until(() => of("response.done").length, "the answer");
      session.updateHistory((items) => items.slice(1));
      await until(() => session.history.length === 1, "one item");
      const content = [{ type: "input_text", text: "Good evening" }];
      const item = { itemId: "mine", type: "message", role: "user", status: "completed", content };
      session.updateHistory((items) => [item, ...items]);
      await until(() => session.history.length === 2, "two items");
      same([session.history[0].itemId, session.history[1].role], ["mine", "assistant"]);
      same(of("conversation.item.added").at(-1).previous_item_id, null);
    }),
});
