// The live view: one session at a time, as it is or as it was.

import { Events } from "./events.js";
import { Feed } from "./feed.js";
import { Diagram } from "./graph.js";
import { History } from "./history.js";
import { label, Lanes, seconds } from "./lanes.js";
import { Source } from "./source.js";

const $ = (id) => document.getElementById(id);
const sessions = new Map();
const machineSets = new Map();
let history = null; // of the session that is shown
let session = null;
let cursor = 0; // steps that are shown
let live = true;
let focused = null; // name of the machine in the middle
let cards = new Map();
let large = new Map();
let asked = false;

const lanes = new Lanes($("lanes"), (t) => go(history ? history.countAt(t) : 0));
const events = new Events($("events"), (n) => go(countOf(n)));
const source = new Source($("lines"), $("file"));
const feed = new Feed({
  hello(told) {
    link("connected", "good");
    $("ask").hidden = true;
    // It may be another server than the one before, with other sessions and machines.
    sessions.clear();
    machineSets.clear();
    for (const each of document.querySelectorAll(".notice")) each.remove();
    for (const each of told.sessions) sessions.set(each.id, each);
    for (const text of told.notices) notice(text);
    list();
    if (!session || $("newest").checked) newest();
  },
  locked() {
    if (feed.token) return;
    link("token needed", "bad");
    $("ask").hidden = false;
  },
  session(told) {
    sessions.set(told.session.id, told.session);
    list();
    if (told.session.id === session?.id) session = told.session;
    else if ($("newest").checked && live && !told.session.ended) watch(told.session.id);
  },
  notice: (told) => notice(told.text),
  machines(told) {
    machineSets.set(told.number, told.set);
    if (session?.machines === told.number) begin();
  },
  trace(told) {
    session = told.session;
    sessions.set(session.id, session);
    history = new History(told.before, told.steps);
    if (machineSets.has(session.machines)) begin();
    else feed.machines(session.machines);
  },
  step(told) {
    if (!history || told.id !== session.id) return;
    history.add(told.step);
    lanes.add(told.step);
    events.add(told.step);
    if (live) cursor = history.steps.length;
    paint();
  },
  gone(told) {
    sessions.delete(told.id);
    list();
  },
  lost(refused) {
    link(refused ? "token needed" : "no connection", "bad");
    if (refused) $("ask").hidden = false;
  },
});

// --- which session

function newest() {
  const last = [...sessions.values()].sort((a, b) => a.opened - b.opened).at(-1);
  if (last) watch(last.id);
}

function watch(id) {
  $("empty").hidden = true;
  live = true;
  feed.watch(id);
  $("sessions").value = id;
}

function list() {
  const options = [...sessions.values()].sort((a, b) => b.opened - a.opened).map((each) => {
    const option = document.createElement("option");
    option.value = each.id;
    option.textContent = `${new Date(each.opened * 1000).toLocaleTimeString()}  ${each.id}${each.ended ? "  (over)" : ""}`;
    return option;
  });
  if (options.length) $("sessions").replaceChildren(...options);
  $("empty").hidden = options.length > 0;
  if (session) $("sessions").value = session.id;
}

// A session is shown from its start.
function begin() {
  const machines = machineSets.get(session.machines).machines;
  lanes.reset(Object.keys(machines));
  events.reset();
  for (const step of history.steps) {
    lanes.add(step);
    events.add(step);
  }
  makeCards(machines);
  focused = machines[focused] ? focused : Object.keys(machines)[0];
  cursor = history.steps.length;
  $("sessions").value = session.id;
  paint();
}

function makeCards(machines) {
  cards = new Map();
  large = new Map();
  $("machines").replaceChildren();
  for (const [name, machine] of Object.entries(machines)) {
    const card = document.createElement("button");
    card.className = "card";
    card.dataset.machine = name;
    const [title, state, chips, box] = ["strong", "span", "span", "div"].map((tag) => document.createElement(tag));
    title.textContent = name;
    state.className = "state";
    chips.className = "chips";
    const diagram = new Diagram(machine, false, { width: 170, height: 80 });
    box.append(diagram.svg);
    card.append(title, chips, box, state);
    card.addEventListener("click", () => {
      $("follow").checked = false;
      focused = name;
      paint();
    });
    $("machines").append(card);
    cards.set(name, { card, state, chips, diagram });
  }
}

// --- what is shown

function go(count) {
  if (!history) return;
  live = false;
  cursor = Math.min(Math.max(0, count), history.steps.length);
  paint();
}

function countOf(n) {
  return history.steps.findIndex((step) => step.n === n) + 1;
}

function paint() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (history && machineSets.has(session.machines)) show();
  });
}

function show() {
  const standing = history.at(cursor);
  const total = history.steps.length;
  $("scrubber").max = total;
  $("scrubber").value = cursor;
  $("clock").textContent = `${standing.t.toFixed(3)} s · step ${standing.n}`;
  $("live").classList.toggle("on", live);
  lanes.show(standing.t, live);
  events.show(standing.n);
  if ($("follow").checked && standing.last) focused = standing.last.m;
  for (const [name, card] of cards) showCard(name, card, standing);
  showFocus(standing);
  showRunning(standing);
}

function instancesOf(standing, name) {
  return [...standing.instances.values()].filter((each) => each.m === name);
}

function showCard(name, { card, state, chips, diagram }, standing) {
  const found = instancesOf(standing, name);
  const shown = found.filter((each) => !each.ended).at(-1) ?? found.at(-1);
  card.classList.toggle("focused", name === focused);
  card.classList.toggle("moved", standing.last?.m === name && standing.last.n === standing.n);
  card.classList.toggle("absent", !shown);
  state.textContent = shown ? shown.state + (shown.ended ? " (over)" : "") : "not running";
  chips.textContent = found.filter((each) => !each.ended).map((each) => `#${each.i}`).join(" ");
  diagram.light(shown?.state, undefined, undefined, shown?.ended);
}

function showFocus(standing) {
  const set = machineSets.get(session.machines);
  const machine = set.machines[focused];
  if (!large.has(focused)) large.set(focused, new Diagram(machine, true, $("diagram").getBoundingClientRect()));
  const diagram = large.get(focused);
  if ($("diagram").firstChild !== diagram.svg) $("diagram").replaceChildren(diagram.svg);
  const found = instancesOf(standing, focused);
  const own = standing.last?.m === focused ? standing.instances.get(standing.last.i) : undefined;
  const shown = own ?? found.filter((each) => !each.ended).at(-1) ?? found.at(-1);
  $("focus-name").textContent = focused;
  $("focus-state").textContent = shown
    ? `#${shown.i} ${shown.state}${shown.ended ? " (over)" : ` for ${seconds(standing.t - shown.since)}`}` : "not running";
  diagram.light(shown?.state, shown?.row, shown?.from, shown?.ended);
  const row = shown && machine.rows.find((each) => each.id === shown.row);
  $("taken").textContent = row ? sentence(row, shown) : "";
  const start = machine.rows[0];
  const [file, line] = shown ? [shown.file, shown.line] : [start.file, start.line];
  source.show(file, set.files[file] ?? "", line, shown?.t === standing.t);
}

function sentence(row, shown) {
  const guard = row.when ? ` [${row.when}]` : "";
  const move = shown.from === shown.state ? `stays in ${shown.state}` : `${shown.from || "start"} → ${shown.state}`;
  return `${row.file.split("/").pop()}:${row.line}  ${row.label}${guard}  ${move}${row.doc ? `  — ${row.doc}` : ""}`;
}

function showRunning(standing) {
  const owner = (each) => (each.i === null ? "" : `${standing.instances.get(each.i)?.m ?? ""} #${each.i}`);
  $("timers").replaceChildren(...[...standing.timers.values()].map((each) => {
    const left = each.at - standing.t;
    return running(label(each.timer), owner(each), left > 0 ? `in ${seconds(left)}` : "due", (standing.t - each.t) / (each.at - each.t));
  }));
  $("jobs").replaceChildren(
    ...[...standing.jobs.values()].map((each) => running(each.stage, owner(each), seconds(standing.t - each.t), null, "runs")),
    ...standing.ended.map((each) => running(each.stage, owner(each), `${ENDS[each.how]} ${seconds(each.end - each.t)}`, null, each.how)),
  );
}

const ENDS = { done: "✓", cancelled: "✕", failed: "failed" };

function running(name, owner, time, share, kind = "") {
  const item = document.createElement("li");
  item.className = kind;
  for (const [part, content] of [["name", name], ["owner", owner], ["time", time]]) {
    const span = document.createElement("span");
    span.className = part;
    span.textContent = content;
    item.append(span);
  }
  if (share !== null) {
    const meter = document.createElement("progress");
    meter.max = 1;
    meter.value = Math.min(Math.max(share, 0), 1);
    item.append(meter);
  }
  return item;
}

function link(text, kind) {
  $("link").textContent = text;
  $("link").className = `badge ${kind}`;
}

function notice(text) {
  const shown = document.createElement("p");
  shown.className = "notice";
  shown.textContent = text;
  shown.addEventListener("click", () => shown.remove());
  document.body.append(shown);
}

// --- what the person does

$("sessions").addEventListener("change", (event) => {
  $("newest").checked = false;
  watch(event.target.value);
});
$("newest").addEventListener("change", () => $("newest").checked && newest());
$("scrubber").addEventListener("input", (event) => go(Number(event.target.value)));
$("back").addEventListener("click", () => go(cursor - 1));
$("forth").addEventListener("click", () => go(cursor + 1));
$("live").addEventListener("click", follow);
$("follow").addEventListener("change", paint);
$("inner").addEventListener("change", (event) => {
  events.inner = event.target.checked;
  paint();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  feed.identify($("token").value.trim());
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("select, input:not([type=range]):not([type=checkbox])")) return;
  if (event.key === "ArrowLeft") go(cursor - (event.shiftKey ? 20 : 1));
  else if (event.key === "ArrowRight") go(cursor + (event.shiftKey ? 20 : 1));
  else if (event.key === " ") follow();
  else return;
  event.preventDefault();
});

function follow() {
  live = true;
  if (history) cursor = history.steps.length;
  paint();
}
