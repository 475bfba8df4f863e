// livekit-agents for JavaScript with its OpenAI plugin: the realtime session that an AgentSession drives.
import { initializeLogger, llm } from "@livekit/agents";
import * as openai from "@livekit/agents-plugin-openai";
import { AudioFrame } from "@livekit/rtc-node";
import { z } from "zod";

import { HTTP, MODEL, frames, run, same, samples, until } from "./turns.mjs";

initializeLogger({ pretty: false, level: "warn" });

async function read(stream, take) {
  for await (const each of stream) await take(each);
}

async function talking(modalities, turn) {
  const turnDetection = { type: "server_vad", create_response: true, interrupt_response: true, silence_duration_ms: 500 };
  const model = new openai.realtime.RealtimeModel({ baseURL: HTTP, apiKey: "none", model: MODEL, modalities, turnDetection });
  const session = model.session();
  const heard = { texts: [], audio: 0, calls: [], ids: [], started: 0, transcripts: [], errors: [] };
  session.on("generation_created", ({ messageStream, functionStream }) => {
    read(messageStream, async ({ messageId, textStream, audioStream }) => {
      const at = heard.texts.push("") - 1;
      heard.ids.push(messageId);
      await Promise.all([
        read(textStream, (text) => (heard.texts[at] += String(text.text ?? text))),
        read(audioStream, (frame) => (heard.audio += frame.samplesPerChannel)),
      ]);
    });
    read(functionStream, (call) => heard.calls.push(call));
  });
  session.on("input_speech_started", () => (heard.started += 1));
  session.on("input_audio_transcription_completed", ({ transcript }) => heard.transcripts.push(transcript));
  session.on("error", (error) => heard.errors.push(error));
  try {
    await turn(session, heard);
    same(heard.errors.map(({ error }) => String(error)), []);
  } finally {
    await session.close();
  }
}

async function say(session, text) {
  const context = session.chatCtx.copy();
  context.addMessage({ role: "user", content: text });
  await session.updateChatCtx(context);
  return session.generateReply();
}

function speak(session, name) {
  for (const frame of frames(name)) session.pushAudio(new AudioFrame(samples(frame), 24000, 1, frame.length / 2));
}

await run({
  text: () =>
    talking(["text"], async (session, heard) => {
      await say(session, "Good morning");
      await until(() => heard.texts[0] === "You said: Good morning", "the answer");
    }),
  audio: () =>
    talking(["audio"], async (session, heard) => {
      speak(session, "question");
      speak(session, "silence");
      await until(() => heard.texts[0]?.includes("seconds of audio"), "the answer");
      await until(() => heard.audio && heard.transcripts.length, "sound and transcript");
    }),
  function: () =>
    talking(["text"], async (session, heard) => {
      const parameters = z.object({ city: z.string() });
      const weather = llm.tool({ name: "get_weather", description: "The weather", parameters, execute: async () => "sunny" });
      await session.updateTools(new llm.ToolContext([weather]));
      await say(session, "What is the weather in Oslo?");
      await until(() => heard.calls.length, "the call");
      const [{ callId, name, args }] = heard.calls;
      same([name, args], ["get_weather", '{"city": "Oslo"}']);
      const context = session.chatCtx.copy();
      context.insert(llm.FunctionCallOutput.create({ callId, name, output: "sunny", isError: false }));
      await session.updateChatCtx(context);
      await session.generateReply();
      await until(() => heard.texts.includes("The weather is sunny."), "the answer");
    }),
  interruption: () =>
    talking(["audio"], async (session, heard) => {
      await say(session, "Tell me a story");
      await until(() => heard.audio, "the story's sound");
      speak(session, "stop");
      await until(() => heard.started, "speech started");
      await session.truncate({ messageId: heard.ids[0], modalities: ["audio"], audioEndMs: 50 });
      speak(session, "silence");
      await until(() => heard.texts[1]?.includes("seconds of audio"), "the next answer");
      if (heard.texts[0].includes("to this day")) throw new Error("the story was told to its end");
    }),
});
