// Mastra's voice provider for the realtime API.
import { OpenAIRealtimeVoice } from "@mastra/voice-openai-realtime";
import { z } from "zod";

import { MODEL, WS, frames, run, same, samples, until } from "./turns.mjs";

const asked = [];
const tools = {
  get_weather: {
    description: "The weather in a city",
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => (asked.push(city), "sunny"),
  },
};

async function talking(modality, turn) {
  const voice = new OpenAIRealtimeVoice({ url: `${WS}/realtime`, apiKey: "none", model: MODEL, speaker: "marin" });
  voice.addInstructions("Be brief.");
  voice.addTools(tools);
  const heard = { text: "", audio: 0, done: [], errors: [], updated: 0 };
  voice.on("writing", ({ text, role }) => role === "assistant" && (heard.text += text));
  voice.on("speaker", (stream) => stream.on("data", (chunk) => (heard.audio += chunk.length)));
  voice.on("openAIRealtime:response.done", (event) => heard.done.push(event.response));
  voice.on("session.updated", () => (heard.updated += 1));
  voice.on("error", (error) => heard.errors.push(error));
  try {
    await voice.connect();
    voice.updateConfig({ type: "realtime", output_modalities: [modality] });
    await until(() => heard.updated === 2, "session.updated");
    await turn(voice, heard);
    same(heard.errors, []);
  } finally {
    voice.close();
  }
}

async function say(voice, text) {
  voice.sendEvent("conversation.item.create", { item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  await voice.answer({});
}

async function speak(voice, name) {
  for (const frame of frames(name)) await voice.send(samples(frame));
}

await run({
  text: () =>
    talking("text", async (voice, heard) => {
      await say(voice, "Good morning");
      await until(() => heard.done.length, "response.done");
      same(heard.text.trim(), "You said: Good morning");
    }),
  audio: () =>
    talking("audio", async (voice, heard) => {
      await speak(voice, "question");
      await speak(voice, "silence");
      await until(() => heard.done.length, "response.done");
      if (!heard.audio || !heard.text.includes("seconds of audio")) throw new Error(JSON.stringify(heard));
    }),
  function: () =>
    talking("text", async (voice, heard) => {
      await say(voice, "What is the weather in Oslo?");
      await until(() => heard.text.includes("The weather is sunny."), "the answer");
      same(asked, ["Oslo"]);
    }),
  interruption: () =>
    talking("audio", async (voice, heard) => {
      await say(voice, "Tell me a story");
      await until(() => heard.audio, "the story");
      await speak(voice, "stop");
      await until(() => heard.done.length, "its end");
      same(heard.done[0].status_details, { type: "cancelled", reason: "turn_detected" });
      await speak(voice, "silence");
      await until(() => heard.done.length === 2, "the next answer");
    }),
});
