// The time line: what the client and the server sent, the states of every machine, jobs and timers, side by side.

import { stageOf } from "./history.js";

const ROW = 17;
const NAMES = 92;
const SHORTEST = 0.5; // seconds that fill the width at the most
const FOLLOWED = 20; // seconds that are shown while they happen

export class Lanes {
  constructor(canvas, onTime) {
    this.canvas = canvas;
    this.onTime = onTime;
    this.reset([]);
    canvas.addEventListener("wheel", (event) => this.zoom(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    new ResizeObserver(() => this.paint()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  reset(machines) {
    this.machines = machines;
    this.lanes = new Map();
    for (const name of ["client", "server", ...machines]) this.lane(name);
    this.open = new Map();
    this.end = 0;
    this.view = null;
    this.cursor = 0;
  }

  lane(name) {
    if (!this.lanes.has(name)) this.lanes.set(name, { name, marks: [], bars: [], rows: 1, free: [] });
    return this.lanes.get(name);
  }

  start(lane, key, t, label, kind) {
    const into = this.lane(lane);
    const row = into.free.length ? into.free.sort((a, b) => a - b).shift() : into.bars.filter((bar) => bar.end === null).length;
    into.rows = Math.min(3, Math.max(into.rows, row + 1));
    const bar = { t, end: null, label, kind, row };
    into.bars.push(bar);
    this.open.set(key, { bar, into });
  }

  stop(key, t, how) {
    const found = this.open.get(key);
    if (!found) return;
    this.open.delete(key);
    Object.assign(found.bar, { end: t, how });
    if (found.bar.row < 3) found.into.free.push(found.bar.row);
  }

  add(step) {
    const until = step.in.until ?? step.t;
    this.end = Math.max(this.end, until);
    if (step.in.in === "quiet") this.lane("client").marks.push({ t: step.t, until, kind: "quiet" });
    else if (step.in.in === "client" || step.in.in === "error") {
      this.lane("client").marks.push({ t: step.t, kind: sound(step.in.event?.type) ? "sound" : step.in.in });
    } else if (step.in.in === "timer") this.stop(`t ${step.in.timer}`, step.t, "fired");
    else if (step.in.in === "result" && step.in.final) this.stop(`j ${step.in.job}`, step.t, step.in.name);
    for (const row of step.rows) {
      this.effects(row.out, step.t);
      if (row.from === row.to && this.open.has(`i ${row.i}`)) continue;
      this.stop(`i ${row.i}`, step.t);
      if (!row.ended) this.start(row.m, `i ${row.i}`, step.t, row.to.split(".").pop(), row.to);
    }
    this.effects(step.out, step.t);
  }

  effects(effects, t) {
    for (const effect of effects) {
      if (effect.out === "send") {
        const type = effect.event.type;
        this.lane("server").marks.push({ t, kind: sound(type) ? "sound" : type === "error" ? "error" : "event" });
      } else if (effect.out === "start") this.start("jobs", `j ${effect.job}`, t, stageOf(effect), `job ${effect.stage}`);
      else if (effect.out === "cancel") this.stop(`j ${effect.job}`, t, "cancelled");
      else if (effect.out === "timer") this.start("timers", `t ${effect.timer}`, t, label(effect.timer), "timer");
      else if (effect.out === "clear") this.stop(`t ${effect.timer}`, t, "cleared");
    }
  }

  window() {
    if (this.view) return this.view;
    return this.live ? [Math.max(0, this.end - FOLLOWED), Math.max(this.end, FOLLOWED)] : [0, Math.max(this.end, 1)];
  }

  zoom(event) {
    event.preventDefault();
    const [from, to] = this.window();
    const at = this.timeAt(event.offsetX);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) / this.canvas.clientWidth) * (to - from);
      this.view = [from + by, to + by];
    } else {
      const factor = Math.exp(event.deltaY / 400);
      const span = Math.min(Math.max((to - from) * factor, SHORTEST), Math.max(this.end, FOLLOWED) * 1.05);
      const share = (at - from) / (to - from);
      this.view = [at - span * share, at + span * (1 - share)];
    }
    const over = Math.max(0, -this.view[0]);
    this.view = this.view.map((t) => t + over);
    this.paint();
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const go = (each) => this.onTime(Math.min(Math.max(0, this.timeAt(each.offsetX)), this.end));
    go(event);
    const move = (each) => go(each);
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", () => this.canvas.removeEventListener("pointermove", move), { once: true });
  }

  timeAt(x) {
    const [from, to] = this.window();
    return from + ((x - NAMES) / (this.canvas.clientWidth - NAMES)) * (to - from);
  }

  show(t, live) {
    this.cursor = t;
    this.live = live;
    if (live) this.view = null;
    else if (this.view && (t < this.view[0] || t > this.view[1])) {
      const half = (this.view[1] - this.view[0]) / 2;
      this.view = [Math.max(0, t - half), Math.max(0, t - half) + 2 * half];
    }
    this.paint();
  }

  paint() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.draw();
    });
  }

  draw() {
    const { canvas } = this;
    const lanes = [...this.lanes.values()].filter((lane) => lane.bars.length || lane.marks.length);
    const height = lanes.reduce((sum, lane) => sum + ROW * lane.rows + 3, 0) + 22;
    const wide = canvas.parentElement.clientWidth;
    const ratio = devicePixelRatio || 1;
    canvas.width = wide * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${wide}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    const colours = palette();
    const [from, to] = this.window();
    const x = (t) => NAMES + ((t - from) / (to - from)) * (wide - NAMES);
    this.grid(pen, x, from, to, wide, height, colours);
    let top = 20;
    for (const lane of lanes) {
      pen.fillStyle = colours.faint;
      pen.textAlign = "right";
      pen.fillText(lane.name, NAMES - 10, top + 12);
      pen.textAlign = "left";
      pen.save();
      pen.beginPath();
      pen.rect(NAMES, 0, wide - NAMES, height);
      pen.clip();
      for (const bar of lane.bars) this.bar(pen, bar, x, top, wide, colours);
      for (const mark of lane.marks) paintMark(pen, mark, x, top, wide, colours);
      pen.restore();
      top += ROW * lane.rows + 3;
    }
    const place = x(this.cursor);
    if (place >= NAMES) {
      pen.fillStyle = colours.accent;
      pen.fillRect(place - 0.75, 14, 1.5, height);
      pen.beginPath();
      pen.arc(place, 14, 4, 0, 7);
      pen.fill();
    }
  }

  grid(pen, x, from, to, wide, height, colours) {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300].find((each) => (wide - NAMES) / ((to - from) / each) > 64) ?? 600;
    pen.fillStyle = colours.faint;
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      pen.globalAlpha = 0.25;
      pen.fillRect(x(t), 16, 1, height);
      pen.globalAlpha = 1;
      pen.fillText(`${+t.toFixed(1)} s`, x(t) + 3, 11);
    }
  }

  bar(pen, bar, x, top, wide, colours) {
    const [left, right] = [x(bar.t), Math.max(x(bar.end ?? this.end), x(bar.t) + 2)];
    if (right < NAMES || left > wide) return;
    const y = top + ROW * Math.min(bar.row, 2);
    const hue = colours.of(bar.kind, bar.label);
    pen.fillStyle = hue.fill;
    pen.globalAlpha = bar.kind === "timer" ? 0.55 : 1;
    pen.beginPath();
    pen.roundRect(left, y + 1.5, right - left - 1, ROW - 3, 3);
    pen.fill();
    pen.globalAlpha = 1;
    const start = Math.max(left, NAMES);
    const took = bar.end !== null && (bar.kind.startsWith("job") || bar.kind === "timer") ? ` ${seconds(bar.end - bar.t)}` : "";
    const whole = bar.label + took + (bar.how === "cancelled" ? " ✕" : "");
    const fitting = [whole, bar.label].find((label) => right - start > pen.measureText(label).width + 8);
    if (fitting) {
      pen.fillStyle = hue.ink;
      pen.fillText(fitting, start + 4, y + 12);
    }
  }
}

function paintMark(pen, mark, x, top, wide, colours) {
  const place = x(mark.t);
  if (mark.kind === "quiet") {
    pen.fillStyle = colours.quiet;
    pen.fillRect(place, top + 6, Math.max(x(mark.until) - place, 1), ROW - 11);
    return;
  }
  if (place < NAMES - 4 || place > wide) return;
  pen.fillStyle = mark.kind === "error" ? colours.bad : mark.kind === "sound" ? colours.sound : colours.event;
  if (mark.kind === "sound") pen.fillRect(place, top + 4, 2, ROW - 8);
  else pen.fillRect(place - 1, top + 1, 2.5, ROW - 2);
}

function palette() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  const idle = new Set(["idle", "open", "listening", "starting"]);
  return {
    faint: get("--faint"), accent: get("--accent"), bad: get("--bad"), event: get("--ink"), sound: get("--sound"), quiet: get("--line"),
    of(kind, label) {
      if (idle.has(label)) return { fill: get("--idle"), ink: get("--faint") };
      let hash = 0;
      for (const character of kind) hash = (hash * 31 + character.codePointAt(0)) % 360;
      return dark ? { fill: `hsl(${hash} 38% 34%)`, ink: "#eef1f6" } : { fill: `hsl(${hash} 62% 85%)`, ink: `hsl(${hash} 60% 22%)` };
    },
  };
}

function sound(type) {
  return type === "input_audio_buffer.append" || type === "response.output_audio.delta";
}

// "(after pausing 0)#3" is the first delay of the state `pausing`.
export function label(timer) {
  return timer.replace(/^\(after (.*) \d+\)#\d+$/, "$1");
}

export function seconds(value) {
  if (value >= 120) return `${(value / 60).toFixed(1)} min`;
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(value < 10 ? 2 : 1)} s`;
}
