// Clients in a page of headless Chromium: a WebSocket of its own in both dialects, and OpenAI's Agents SDK.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";

import { MODEL, NotPossible, WS, frames, run } from "./turns.mjs";

const BUNDLE = join(dirname(createRequire(import.meta.url).resolve("@openai/agents-realtime")), "bundle");
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];
const FOLDER = fileURLToPath(new URL("profile", import.meta.url));
const OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", `--user-data-dir=${FOLDER}`];

// What the page has: `talk` and `agent` are its clients.
const PAGE = `<!doctype html><script type="module">
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "/openai-realtime-agents.mjs";

const TOOL = { type: "function", name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } };
window.until = async (holds, what) => {
  for (const end = Date.now() + 30000; !holds(); await new Promise((done) => setTimeout(done, 10))) {
    if (Date.now() > end) throw new Error("never: " + what);
  }
};
window.bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

window.talk = async (url, beta, text, turn) => {
  const socket = new WebSocket(url, ["realtime", "openai-insecure-api-key.none", ...(beta ? ["openai-beta.realtime-v1"] : [])]);
  const events = [];
  socket.onmessage = ({ data }) => events.push(JSON.parse(data));
  const of = (type) => events.filter((event) => event.type === type);
  const send = (type, rest) => socket.send(JSON.stringify({ type, ...rest }));
  await until(() => of("session.created").length, "session.created");
  if (socket.protocol !== "realtime") throw new Error("subprotocol " + socket.protocol);
  const session = beta ? { modalities: text ? ["text"] : ["text", "audio"] } : { type: "realtime", output_modalities: [text ? "text" : "audio"] };
  send("session.update", { session: { ...session, tools: [TOOL] } });
  await until(() => of("session.updated").length, "session.updated");
  const say = (text) => {
    send("conversation.item.create", { item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
    send("response.create");
  };
  const speak = (sound) => sound.forEach((audio) => send("input_audio_buffer.append", { audio }));
  const delta = (kind) => of("response." + (beta ? "" : "output_") + kind + ".delta");
  const told = (kind) => delta(kind).map((event) => event.delta).join("");
  await turn({ of, send, say, speak, delta, told });
  if (of("error").length) throw new Error(JSON.stringify(of("error")));
  socket.close();
};

window.agent = async (url, modality, turn) => {
  const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: true };
  const asked = [];
  const weather = tool({ name: "get_weather", description: "The weather", parameters, strict: false, execute: async ({ city }) => (asked.push(city), "sunny") });
  const turnDetection = { type: "server_vad", interruptResponse: true, silenceDurationMs: 500 };
  const session = new RealtimeSession(new RealtimeAgent({ name: "Server", tools: [weather] }), {
    transport: new OpenAIRealtimeWebSocket({ useInsecureApiKey: true }),
    config: { outputModalities: [modality], audio: { input: { turnDetection } } },
    tracingDisabled: true,
  });
  const heard = { audio: 0, interrupted: 0, truncated: 0, errors: [] };
  session.on("audio", (event) => (heard.audio += event.data.byteLength));
  session.on("audio_interrupted", () => (heard.interrupted += 1));
  session.on("transport_event", (event) => (heard.truncated += event.type === "conversation.item.truncated"));
  session.on("error", (error) => heard.errors.push(error));
  await session.connect({ apiKey: "none", url });
  const said = () => session.history.filter((item) => item.role === "assistant").flatMap((item) => item.content.map((part) => part.text ?? part.transcript ?? ""));
  const speak = (sound) => sound.forEach((audio) => session.sendAudio(bytes(audio).buffer));
  await turn({ session, heard, said, asked, speak });
  if (heard.errors.length) throw new Error(JSON.stringify(heard.errors));
  session.close();
};
window.ready = true;
</script>`;

const site = createServer(({ url }, answer) => {
  const file = join(BUNDLE, url);
  if (url !== "/" && !existsSync(file)) return answer.writeHead(404).end();
  answer.setHeader("content-type", url === "/" ? "text/html" : "text/javascript").end(url === "/" ? PAGE : readFileSync(file));
});

// Evaluates an expression in the page, which is opened when it is first asked.
let evaluate = async (expression) => {
  const program = process.env.PATH.split(delimiter).flatMap((folder) => BROWSERS.map((name) => join(folder, name))).find(existsSync);
  if (!program) throw new NotPossible("there is no Chromium");
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  const child = spawn(program, [...OPTIONS, `http://127.0.0.1:${site.address().port}/`]);
  process.once("exit", () => child.kill());
  const port = await new Promise((done) => {
    child.stderr.on("data", (text) => (text = /DevTools listening on ws:\/\/[^:]+:(\d+)/.exec(text)) && done(text[1]));
  });
  const pages = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const tools = new WebSocket(pages.find((page) => page.type === "page").webSocketDebuggerUrl);
  await new Promise((done) => tools.once("open", done));
  const asked = [];
  tools.on("message", (text) => ((text = JSON.parse(text)), asked[text.id](text)));
  evaluate = async (expression) => {
    tools.send(JSON.stringify({ id: asked.length, method: "Runtime.evaluate", params: { expression, awaitPromise: true, returnByValue: true } }));
    const { result, error } = await new Promise((done) => asked.push(done));
    if (error || result.exceptionDetails) throw new Error(error?.message ?? result.exceptionDetails.exception.description);
    return result.result.value;
  };
  const ready = () => evaluate("Boolean(window.ready)").catch(() => false); // a page that is being left answers with an error
  while (!(await ready())) await new Promise((done) => setTimeout(done, 10));
  return evaluate(expression);
};

const ADDRESS = JSON.stringify(`${WS}/realtime?model=${MODEL}`);
const sound = (name) => JSON.stringify(Array.from(frames(name), (frame) => frame.toString("base64")));
// `turn` runs in the page: it sees nothing of this file but what its arguments are.
const talking = (beta, text, turn) => evaluate(`talk(${ADDRESS}, ${beta}, ${text}, (client) => (${turn})(client, ${SOUNDS}))`);
const agent = (modality, turn) => evaluate(`agent(${ADDRESS}, "${modality}", (client) => (${turn})(client, ${SOUNDS}))`);
const SOUNDS = `{ question: ${sound("question")}, stop: ${sound("stop")}, silence: ${sound("silence")} }`;

const turns = {};
for (const [prefix, beta] of [["", false], ["beta_", true]]) {
  turns[`${prefix}text`] = () =>
    talking(beta, true, async ({ of, say, told }) => {
      say("Good morning");
      await until(() => of("response.done").length, "response.done");
      if (told("text") !== "You said: Good morning") throw new Error(told("text"));
    });
  turns[`${prefix}audio`] = () =>
    talking(beta, false, async ({ of, speak, delta, told }, { question, silence }) => {
      speak(question);
      speak(silence);
      await until(() => of("response.done").length, "response.done");
      const heard = delta("audio").reduce((sum, event) => sum + bytes(event.delta).length, 0);
      if (heard !== 50 * told("audio_transcript").length * 48) throw new Error(`${heard} bytes`);
    });
  turns[`${prefix}function`] = () =>
    talking(beta, true, async ({ of, send, say, told }) => {
      say("What is the weather in Oslo?");
      await until(() => of("response.done").length, "the call");
      const { call_id } = of("response.done")[0].response.output[0];
      send("conversation.item.create", { item: { type: "function_call_output", call_id, output: "sunny" } });
      send("response.create");
      await until(() => of("response.done").length === 2, "the answer");
      if (told("text") !== "The weather is sunny.") throw new Error(told("text"));
    });
  turns[`${prefix}interruption`] = () =>
    talking(beta, false, async ({ of, send, say, speak, delta }, { stop, silence }) => {
      say("Tell me a story");
      await until(() => delta("audio").length, "the story");
      speak(stop);
      await until(() => of("response.done").length, "its end");
      const { status_details, output } = of("response.done")[0].response;
      if (status_details.reason !== "turn_detected") throw new Error(JSON.stringify(status_details));
      send("conversation.item.truncate", { item_id: output[0].id, content_index: 0, audio_end_ms: 50 });
      await until(() => of("conversation.item.truncated").length, "truncated");
      speak(silence);
      await until(() => of("response.done").length === 2, "the next answer");
    });
}
turns.agents_text = () =>
  agent("text", async ({ session, said }) => {
    session.sendMessage("Good morning");
    await until(() => said().includes("You said: Good morning"), "the answer");
  });
turns.agents_audio = () =>
  agent("audio", async ({ speak, said, heard }, { question, silence }) => {
    speak(question);
    speak(silence);
    await until(() => said().some((text) => text.includes("seconds of audio")), "the answer");
    await until(() => heard.audio, "its sound");
  });
turns.agents_function = () =>
  agent("text", async ({ session, said, asked }) => {
    session.sendMessage("What is the weather in Oslo?");
    await until(() => said().includes("The weather is sunny."), "the answer");
    if (String(asked) !== "Oslo") throw new Error(String(asked));
  });
turns.agents_interruption = () =>
  agent("audio", async ({ session, speak, said, heard }, { stop, silence }) => {
    session.sendMessage("Tell me a story");
    await until(() => heard.audio, "the story");
    speak(stop);
    await until(() => heard.interrupted && heard.truncated, "the interruption");
    speak(silence);
    await until(() => said().some((text) => text.includes("seconds of audio")), "the next answer");
  });
await run(turns);
