// Talk with the server: a client of the Realtime API like any other.

import { Microphone, Speaker } from "./audio.js";
import { Log } from "./log.js";

const $ = (id) => document.getElementById(id);
const log = new Log($("log"));
let socket = null;
let opening = null; // the connection on its way
let microphone = null;
let speaker = null;
let detection = null; // the session's turn_detection
let transcribes = true;
let active = null; // id of the response in progress
let silenced = null; // id of the one that shall not be heard any more
let hearing = null; // id of the item that the user is speaking
let sounding = false;
let sent = 0; // frames since the last commit
let asked = null; // when the user's turn was over, until the answer begins

// --- what the server says

const told = {
  "session.created"({ session }) {
    configured(session);
    $("model").textContent = session.model ?? "";
    const input = session.audio?.input?.format;
    const output = session.audio?.output?.format;
    const format = { type: "audio/pcm", rate: 24000 };
    if ([input, output].some((each) => each && each.type !== format.type)) {
      send("session.update", { session: { type: session.type, audio: { input: { format }, output: { format } } } });
    }
  },
  "session.updated": ({ session }) => configured(session),
  "input_audio_buffer.speech_started"({ item_id }) {
    hearing = item_id;
    if (detection?.interrupt_response !== false) interrupt();
    log.entry(item_id, "user");
  },
  "input_audio_buffer.speech_stopped"() {
    hearing = null;
    asked = performance.now();
  },
  "input_audio_buffer.committed"({ item_id }) {
    hearing = null;
    sent = 0;
    log.entry(item_id, "user");
  },
  "input_audio_buffer.cleared": forget,
  "conversation.item.added"({ item }) {
    if (item.type === "function_call_output") log.note(`→ ${item.output}`);
    if (item.type !== "message" || item.role !== "user") return;
    const text = item.content.map((part) => part.text ?? part.transcript ?? "").join("");
    log.write(item.id, "user", text || (transcribes ? "" : "(spoken)"));
  },
  "conversation.item.input_audio_transcription.delta": ({ item_id, delta }) => log.add(item_id, "user", delta),
  "conversation.item.input_audio_transcription.completed"({ item_id, transcript }) {
    log.write(item_id, "user", transcript || "(nothing understood)");
  },
  "conversation.item.input_audio_transcription.failed"({ item_id, error }) {
    log.write(item_id, "user", "(not transcribed)");
    log.note(error.message, true);
  },
  "conversation.item.truncated"({ item_id, audio_end_ms }) {
    log.cut(item_id, audio_end_ms);
    send("conversation.item.retrieve", { item_id }); // its words are now those that were heard
  },
  "conversation.item.retrieved"({ item }) {
    log.write(item.id, item.role, item.content?.map((part) => part.transcript ?? "").join("") ?? "");
  },
  "response.created": ({ response }) => (active = response.id),
  "response.output_audio.delta"({ response_id, item_id, content_index, delta }) {
    if (response_id !== silenced) speaker.play(item_id, content_index, delta);
  },
  "response.output_audio.done": () => speaker.end(),
  "response.output_audio_transcript.delta": ({ item_id, delta }) => log.add(item_id, "assistant", delta),
  "response.output_text.delta"({ item_id, delta }) {
    log.add(item_id, "assistant", delta);
    answered(item_id, "first words");
  },
  "response.output_item.done"({ item }) {
    if (item.type === "function_call" || item.type === "mcp_call") log.note(`${item.name}(${item.arguments})`);
    if (item.type === "mcp_call" && item.error) log.note(`${item.name}: ${item.error.message}`, true);
    else if (item.type === "mcp_call") log.note(`→ ${item.output}`);
    if (item.type === "mcp_approval_request") {
      log.ask(`${item.name}(${item.arguments})`, (approve) => {
        send("conversation.item.create", { item: { type: "mcp_approval_response", approval_request_id: item.id, approve } });
      });
    }
  },
  "response.done"({ response }) {
    if (response.id === active) active = null;
    const { error, reason } = response.status_details ?? {};
    if (response.status === "failed") log.note(error?.message ?? "The response failed.", true);
    if (response.status === "incomplete") log.note(`The answer is incomplete: ${reason}.`);
  },
  error({ error }) {
    log.note(error.message, true);
    if (/api_key/.test(error.code ?? "")) askKey();
  },
};

function configured(session) {
  detection = session.audio?.input?.turn_detection ?? null;
  transcribes = Boolean(session.audio?.input?.transcription);
}

// A turn that was begun, and will never be one.
function forget() {
  if (hearing) log.forget(hearing);
  hearing = null;
}

function answered(item, what) {
  if (asked !== null) log.meta(item, "latency", `${what} after ${Math.round(performance.now() - asked)} ms`);
  asked = null;
}

function played({ item, ms, dry }) {
  sounding = !dry;
  answered(item, "first sound");
  log.meta(item, "played", `${(ms / 1000).toFixed(1)} s heard`, ms);
  show();
}

// --- the connection

async function connect() {
  if (socket?.readyState === WebSocket.OPEN) return;
  opening ??= open().finally(() => (opening = null));
  await opening;
}

async function open() {
  speaker ??= await Speaker.open(played);
  const key = $("key").value.trim();
  const url = new URL("v1/realtime", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const model = await servedModel(key);
  if (model) url.searchParams.set("model", model);
  await new Promise((done, failed) => {
    socket = new WebSocket(url, ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])]);
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      told[event.type]?.(event);
      if (event.type === "session.created") done();
      show();
    };
    socket.onclose = ({ code, reason }) => {
      closed();
      failed(new Error(`The connection is closed${reason ? `: ${reason}` : ""} (${code}).`));
      if (opening === null) log.note(`The connection is closed${reason ? `: ${reason}` : ""} (${code}).`, code !== 1000);
    };
  });
}

function closed() {
  socket = active = asked = null;
  forget();
  hangUp();
  speaker?.stop();
  show();
}

// The first of the served models; none for a client secret, which has its own.
async function servedModel(key) {
  const answer = await fetch("v1/models", { headers: key ? { authorization: `Bearer ${key}` } : {} });
  if (answer.ok) return (await answer.json()).data[0].id;
  if (key) return null;
  askKey();
  throw new Error("This server asks for an API key.");
}

function send(type, fields = {}) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type, ...fields }));
}

// --- what the person does

async function talk() {
  await connect();
  if (detection === null) await silence();
  sent = 0;
  microphone = await Microphone.open((bytes, level) => {
    send("input_audio_buffer.append", { audio: btoa(String.fromCharCode(...bytes)) });
    sent++;
    $("level").value = level;
    $("talk").style.setProperty("--level", level);
  });
}

// Who stops in the middle of a sentence wants an answer to it; who stops otherwise wants silence.
function stop() {
  hangUp();
  if (hearing || (detection === null && sent > 3)) {
    asked = performance.now();
    send("input_audio_buffer.commit");
    if (detection?.create_response !== false) send("response.create");
  } else {
    send("input_audio_buffer.clear");
    silence();
  }
}

function hangUp() {
  microphone?.close();
  microphone = null;
  $("level").value = 0;
  $("talk").style.setProperty("--level", 0);
}

async function write(text) {
  await connect();
  await silence();
  asked = performance.now();
  send("conversation.item.create", { item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  send("response.create");
}

async function silence() {
  if (active) send("response.cancel", { response_id: active });
  await interrupt();
}

// What is not played to its end is cut to what was heard, in the conversation too.
async function interrupt() {
  silenced = active;
  sounding = false;
  for (const { item, part, ms } of (await speaker?.stop()) ?? []) {
    send("conversation.item.truncate", { item_id: item, content_index: part, audio_end_ms: ms });
  }
}

function askKey() {
  $("key-form").hidden = false;
  $("key").focus();
}

// --- the page

const STATES = {
  closed: "not connected", opening: "connecting", hearing: "hearing you", speaking: "speaking", thinking: "thinking",
  listening: "listening", open: "connected",
};

function state() {
  if (opening) return "opening";
  if (!socket) return "closed";
  if (hearing) return "hearing";
  if (sounding) return "speaking";
  if (active) return "thinking";
  return microphone ? "listening" : "open";
}

function show() {
  document.body.dataset.state = state();
  $("state").textContent = STATES[state()];
  $("talk").setAttribute("aria-pressed", Boolean(microphone));
  $("talk-name").textContent = microphone ? "Stop" : "Talk";
}

async function trying(action) {
  try {
    const done = action();
    show();
    await done;
  } catch (error) {
    log.note(error.message, true);
  }
  show();
}

$("talk").addEventListener("click", async () => {
  $("talk").disabled = true; // the browser may ask the person first
  await trying(microphone ? async () => stop() : talk);
  $("talk").disabled = false;
  if (document.activeElement === document.body) $("talk").focus();
});
$("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  if (text) trying(() => write(text));
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(connect);
});
document.addEventListener("keydown", (event) => event.key === "Escape" && trying(silence));
