// What every script of a client here does: its turns one by one, each in a line of output.
import { readFileSync } from "node:fs";

export const HTTP = process.env.RTENGINE_HTTP; // http://host:port/v1
export const WS = HTTP.replace("http", "ws");
export const MODEL = "gpt-realtime";
const SECONDS = 30;
const FRAME_BYTES = 960; // 20 ms of PCM16 at 24 kHz

export class NotPossible extends Error {}

// `question` or `stop`: speech without the silence that ends a turn; or `silence`, a second of it.
export function* frames(name) {
  const audio = readFileSync(`${process.env.RTENGINE_SPEECH}/${name}.pcm`);
  for (let at = 0; at + FRAME_BYTES <= audio.length; at += FRAME_BYTES) yield audio.subarray(at, at + FRAME_BYTES);
}

export function samples(frame) {
  return new Int16Array(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength));
}

// Each answer in the history of a session of the Agents SDK.
export function said(session) {
  return session.history
    .filter((item) => item.type === "message" && item.role === "assistant")
    .flatMap((item) => item.content.map((part) => part.text ?? part.transcript ?? ""));
}

export async function until(holds, what) {
  const end = Date.now() + 1000 * SECONDS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

export function same(found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
}

export async function run(turns) {
  let stray = null;
  process.on("unhandledRejection", (error) => (stray = error));
  process.on("uncaughtException", (error) => (stray = error));
  for (const [name, turn] of Object.entries(turns)) {
    stray = null;
    try {
      await turn();
      if (stray) throw stray;
      console.log(`turn ${name}: ok`);
    } catch (error) {
      if (error instanceof NotPossible) console.log(`turn ${name}: not possible: ${error.message}`);
      else {
        console.error(error);
        console.log(`turn ${name}: failed: ${String(error?.message ?? error).split("\n")[0]}`);
      }
    }
  }
  process.exit(0);
}
