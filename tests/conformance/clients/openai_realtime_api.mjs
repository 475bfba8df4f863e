// The reference client of the beta, in its typed form.
import { RealtimeClient } from "openai-realtime-api";

import { MODEL, WS, frames, run, same, samples, until } from "./turns.mjs";

async function talking(config, turn) {
  const client = new RealtimeClient({ apiKey: "none", model: MODEL, url: `${WS}/realtime`, sessionConfig: config });
  const heard = { interrupted: 0, completed: [], errors: [] };
  client.on("conversation.interrupted", () => (heard.interrupted += 1));
  client.on("conversation.item.completed", ({ item }) => heard.completed.push(item));
  client.on("error", (event) => heard.errors.push(event));
  try {
    await client.connect();
    await client.waitForSessionCreated();
    await turn(client, heard);
    same(heard.errors, []);
  } finally {
    client.disconnect();
  }
}

const VAD = { turn_detection: { type: "server_vad", silence_duration_ms: 500 } };
const text = (content) => [{ type: "input_text", text: content }];
const said = (heard) => heard.completed.filter((item) => item.role === "assistant").map((item) => item.formatted.text || item.formatted.transcript);

function speak(client, name) {
  for (const frame of frames(name)) client.appendInputAudio(samples(frame));
}

await run({
  text: () =>
    talking({ modalities: ["text"] }, async (client, heard) => {
      client.sendUserMessageContent(text("Good morning"));
      await until(() => said(heard).includes("You said: Good morning"), "the answer");
    }),
  audio: () =>
    talking(VAD, async (client, heard) => {
      speak(client, "question");
      speak(client, "silence");
      await until(() => said(heard).some((answer) => answer.includes("seconds of audio")), "the answer");
      if (!heard.completed.at(-1).formatted.audio.length) throw new Error("no sound");
    }),
  push_to_talk: () =>
    talking({ turn_detection: null, input_audio_transcription: { model: "whisper-1" } }, async (client, heard) => {
      speak(client, "question");
      client.createResponse();
      await until(() => said(heard).some((answer) => answer.includes("seconds of audio")), "the answer");
    }),
  function: () =>
    talking({ modalities: ["text"] }, async (client, heard) => {
      const asked = [];
      const parameters = { type: "object", properties: { city: { type: "string" } } };
      client.addTool({ name: "get_weather", description: "The weather", parameters }, async ({ city }) => (asked.push(city), "sunny"));
      client.sendUserMessageContent(text("What is the weather in Oslo?"));
      await until(() => said(heard).includes("The weather is sunny."), "the answer");
      same(asked, ["Oslo"]);
    }),
  interruption: () =>
    talking(VAD, async (client, heard) => {
      client.sendUserMessageContent(text("Tell me a story"));
      const spoken = () => client.conversation.getItems().find((item) => item.role === "assistant" && item.formatted.audio?.length);
      await until(spoken, "the story");
      const { id } = spoken();
      speak(client, "stop");
      await until(() => heard.interrupted, "the interruption");
      client.realtime.send("conversation.item.truncate", { item_id: id, content_index: 0, audio_end_ms: 50 });
      speak(client, "silence");
      await until(() => said(heard).some((answer) => answer.includes("seconds of audio")), "the next answer");
    }),
});
