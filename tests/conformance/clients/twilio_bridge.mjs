// OpenAI's Agents SDK as a bridge to Twilio's media streams: a phone call, G.711 µ-law both ways.
import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents/realtime";
import { TwilioRealtimeTransportLayer } from "@openai/agents-extensions";
import { z } from "zod";

import { MODEL, WS, frames, run, said, same, samples, until } from "./turns.mjs";

const STREAM = "MZ0";
const FRAME_MS = 20;
const asked = [];
const getWeather = tool({
  name: "get_weather",
  description: "The weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => (asked.push(city), "sunny"),
});

// ITU-T G.711, µ-law.
function ulaw(sample) {
  const size = Math.min(Math.abs(sample), 32635) + 132;
  const exponent = Math.floor(Math.log2(size)) - 7;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | ((size >> (exponent + 3)) & 15)) & 0xff;
}

// Twilio's end of the call: it says what it hears, and gives every mark back when the audio before it has been played.
class Phone extends EventTarget {
  heard = [];
  cleared = 0;
  marks = [];
  at = 0;

  send(text) {
    const message = JSON.parse(text);
    if (message.event === "media") this.heard.push(...Buffer.from(message.media.payload, "base64"));
    if (message.event === "mark") this.marks.push(message.mark);
    if (message.event === "clear") {
      this.cleared += 1;
      this.played();
    }
  }

  played(count = this.marks.length) {
    for (const mark of this.marks.splice(0, count)) this.say({ event: "mark", mark });
  }

  say(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify({ streamSid: STREAM, ...message }) }));
  }

  ring() {
    const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 };
    this.say({ event: "start", start: { streamSid: STREAM, callSid: "CA0", mediaFormat } });
  }

  speak(name) {
    for (const frame of frames(name)) {
      const sound = samples(frame);
      const bytes = Array.from({ length: sound.length / 3 }, (_, n) => ulaw((sound[3 * n] + sound[3 * n + 1] + sound[3 * n + 2]) / 3));
      this.say({ event: "media", media: { timestamp: String(this.at), payload: Buffer.from(bytes).toString("base64") } });
      this.at += FRAME_MS;
    }
  }
}

async function talking(config, turn) {
  const phone = new Phone();
  const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket: phone });
  const agent = new RealtimeAgent({ name: "Server", instructions: "Be brief.", tools: [getWeather] });
  const session = new RealtimeSession(agent, { transport, model: MODEL, config, tracingDisabled: true });
  const events = [];
  const errors = [];
  const of = (type) => events.filter((event) => event.type === type);
  session.on("transport_event", (event) => events.push(event));
  session.on("error", (error) => errors.push(error));
  try {
    await session.connect({ apiKey: "none", url: `${WS}/realtime?model=${MODEL}` });
    await until(() => of("session.updated").length, "session.updated");
    const { input, output } = of("session.updated").at(-1).session.audio;
    same([input.format.type, output.format.type], ["audio/pcmu", "audio/pcmu"]);
    phone.ring();
    await turn(session, phone, of);
    same(errors, []);
  } finally {
    session.close();
  }
}

const AUDIO = { audio: { input: { turnDetection: { type: "server_vad", silenceDurationMs: 500, interruptResponse: true } } } };

await run({
  text: () =>
    talking({ ...AUDIO, outputModalities: ["text"] }, async (session) => {
      session.sendMessage("Good morning");
      await until(() => said(session).includes("You said: Good morning"), "the answer");
    }),
  audio: () =>
    talking(AUDIO, async (session, phone, of) => {
      phone.speak("question");
      phone.speak("silence");
      await until(() => of("response.done").length, "response.done");
      const [text] = said(session);
      if (!text.includes("seconds of audio")) throw new Error(text);
      same(phone.heard.length, 50 * text.length * 8); // the scripted voice: 50 ms a character
    }),
  function: () =>
    talking({ ...AUDIO, outputModalities: ["text"] }, async (session) => {
      session.sendMessage("What is the weather in Oslo?");
      await until(() => said(session).includes("The weather is sunny."), "the answer");
      same(asked, ["Oslo"]);
    }),
  interruption: () =>
    talking(AUDIO, async (session, phone, of) => {
      session.sendMessage("Tell me a story");
      await until(() => phone.marks.length, "the story's sound");
      phone.played(1);
      phone.speak("stop");
      await until(() => phone.cleared, "the interruption");
      await until(() => of("conversation.item.truncated").length, "truncated");
      await until(() => of("response.done").length, "its end");
      same(of("response.done")[0].response.status_details, { type: "cancelled", reason: "turn_detected" });
      phone.speak("silence");
      await until(() => said(session).some((text) => text.includes("seconds of audio")), "the next answer");
    }),
});
