// The list of events in both directions. Runs of the same kind are one line; a click goes there and shows what it says.

const SHOWN = 250; // lines in the page

export class Events {
  constructor(list, onStep) {
    this.list = list;
    this.onStep = onStep;
    this.inner = false;
    this.reset();
  }

  reset() {
    this.lines = [];
    this.opened = null;
    this.painted = [];
    this.list.replaceChildren();
  }

  add(step) {
    for (const line of told(step)) {
      const last = this.lines.at(-1);
      if (last && line.run && last.name === line.name && last.side === line.side) {
        last.steps.push(step.n);
        last.values.push(line.value);
        last.gist = line.gist && last.gist ? (last.gist + line.gist).slice(-400) : last.gist;
        last.bytes = (last.bytes ?? 0) + (line.bytes ?? 0);
      } else {
        this.lines.push({ ...line, t: step.t, steps: [step.n], values: [line.value] });
      }
    }
  }

  show(n) {
    const lines = this.inner ? this.lines : this.lines.filter((line) => line.side !== "inner");
    let current = lines.length - 1;
    while (current > 0 && lines[current].steps[0] > n) current--;
    const from = Math.max(0, current - SHOWN);
    const shown = lines.slice(from, current + 40);
    const nodes = shown.map((line) => this.node(line, n));
    this.list.replaceChildren(...nodes);
    const here = nodes[current - from];
    here?.classList.add("here");
    if (here) {
      const [box, own] = [this.list.getBoundingClientRect(), here.getBoundingClientRect()];
      if (own.top < box.top + box.height * 0.2 || own.bottom > box.bottom) this.list.scrollTop += own.top - box.top - box.height * 0.6;
    }
  }

  node(line, n) {
    if (line.element && line.drawn === line.steps.length && line.wasOpen === (this.opened === line)) {
      line.element.classList.toggle("later", line.steps[0] > n);
      line.element.classList.remove("here");
      return line.element;
    }
    const item = document.createElement("li");
    item.className = `${line.side}${line.bad ? " bad" : ""}${line.steps[0] > n ? " later" : ""}`;
    const head = document.createElement("button");
    const count = line.steps.length > 1 ? ` ×${line.steps.length}` : "";
    for (const [name, content] of [["t", line.t.toFixed(3)], ["arrow", ARROWS[line.side]], ["name", line.name + count], ["gist", gist(line)]]) {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = content;
      head.append(span);
    }
    head.addEventListener("click", () => {
      this.opened = this.opened === line ? null : line;
      this.onStep(line.steps[0]);
    });
    item.append(head);
    if (this.opened === line) {
      const body = document.createElement("pre");
      body.textContent = line.values.slice(-20).map((value) => JSON.stringify(value, null, 2)).join("\n");
      item.append(body);
    }
    Object.assign(line, { element: item, drawn: line.steps.length, wasOpen: this.opened === line });
    return item;
  }
}

const ARROWS = { client: "→", server: "←", inner: "·" };

function* told(step) {
  const given = step.in;
  if (given.in === "client") {
    const sound = given.event.audio?.bytes;
    yield line("client", given.event.type, given.event, { run: sound !== undefined, bytes: sound });
  } else if (given.in === "quiet") {
    yield line("client", "input_audio_buffer.append", given, { run: true, bytes: given.bytes });
  } else if (given.in === "error") {
    yield line("client", "(not understood)", given.error, { gist: given.error.message, bad: true });
  } else if (given.in === "result") {
    const gist = given.result.transcript ?? given.result.text ?? given.result.delta ?? given.result.message;
    yield line("inner", given.name === "failed" ? "job failed" : given.name, given, { run: !given.final, gist, bad: given.name === "failed" });
  } else if (given.in === "timer") yield line("inner", "timer fired", given, { gist: given.timer });
  else yield line("inner", given.in, given, { run: given.in === "portion" });
  for (const effect of [...step.rows.flatMap((row) => row.out), ...step.out]) {
    if (effect.out === "send") {
      const event = effect.event;
      yield line("server", event.type, event, { run: event.type.endsWith(".delta"), gist: about(event), bytes: event.delta?.bytes, bad: event.type === "error" });
    } else if (effect.out === "start") yield line("inner", `start ${effect.stage}`, effect, { gist: effect.request.text });
    else if (effect.out === "close") yield line("server", "(close)", effect, { gist: `${effect.code} ${effect.reason}` });
    else yield line("inner", `${effect.out === "cancel" ? "cancel job" : effect.out === "clear" ? "clear timer" : "set timer"}`, effect, { gist: effect.timer ?? effect.job });
  }
  if (step.fault) yield line("inner", "fault", step.fault, { gist: step.fault, bad: true });
}

function line(side, name, value, extra) {
  return { side, name, value, run: false, ...extra };
}

function about(event) {
  if (typeof event.delta === "string") return event.delta;
  return event.error?.message ?? event.transcript ?? event.text ?? event.arguments ?? event.response?.status ?? event.item?.type ?? "";
}

function gist(line) {
  const sound = line.bytes ? `${(line.bytes / 1024).toFixed(1)} KiB` : "";
  return [sound, String(line.gist ?? "")].filter(Boolean).join(" · ");
}
