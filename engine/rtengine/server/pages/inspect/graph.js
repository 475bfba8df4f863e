// Diagrams of machines: laid out by ELK, drawn here. A step changes classes alone; nothing is laid out again.

const SVG = "http://www.w3.org/2000/svg";
const ANY = "(any)";
const elk = new ELK({ workerUrl: "inspect/elk-worker.min.js" });
let drawn = 0; // makes the ids of markers differ
const measure = document.createElement("canvas").getContext("2d");

const ROOT = {
  "elk.algorithm": "layered",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.spacing.nodeNodeBetweenLayers": "26",
  "elk.spacing.nodeNode": "20",
  "elk.spacing.edgeNode": "12",
  "elk.spacing.edgeEdge": "9",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.edgeLabels.inline": "false",
  "elk.padding": "[top=12,left=12,bottom=12,right=12]",
};
const SMALL = {
  "elk.layered.spacing.nodeNodeBetweenLayers": "16",
  "elk.spacing.nodeNode": "12",
  "elk.spacing.edgeNode": "8",
  "elk.spacing.edgeEdge": "5",
  "elk.layered.spacing.edgeNodeBetweenLayers": "8",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "5",
  "elk.padding": "[top=4,left=4,bottom=4,right=4]",
};
const INSIDE = { "elk.padding": "[top=34,left=14,bottom=14,right=14]" };

function width(text, font) {
  measure.font = font;
  return Math.ceil(measure.measureText(text).width);
}

const SMALLEST = 0.7; // scale at which a diagram can be read as a whole
const READABLE = 0.9; // and the one at which a part of it is shown
const LONGEST = 32; // characters of a label
const NAME = "600 13px system-ui, sans-serif";
const LABEL = "11px system-ui, sans-serif";

// One arrow for all rows between the same two states.
function arrows(machine) {
  const found = new Map();
  const places = new Map(machine.states.map((state) => [state.path, state]));
  for (const row of machine.rows) {
    if (row.target === null || row.id < 0) continue;
    for (const [source, target] of ends(places, row.source || ANY, row.target)) {
      const key = `${source} ${target}`;
      const arrow = found.get(key) ?? { source, target, rows: [], labels: [] };
      arrow.rows.push(row.id);
      const label = row.label.length > LONGEST ? `${row.label.slice(0, LONGEST)}…` : row.label;
      if (!arrow.labels.includes(label)) arrow.labels.push(label);
      found.set(key, arrow);
    }
  }
  return [...found.values()];
}

// An arrow between a state and what lies in it begins at the states beside its target, which is what it means.
function ends(places, source, target) {
  if (source === target || !target.startsWith(`${source}.`)) return [[source, target]];
  const inside = [...places.values()].filter((place) => place.parent === source && !place.final);
  return inside.map((place) => place.path === target || target.startsWith(`${place.path}.`) ? null : [place.path, target])
    .filter(Boolean);
}

// Downwards or to the right, whichever can be shown larger.
async function laidOut(machine, labelled, room) {
  const both = await Promise.all(["DOWN", "RIGHT"].map((direction) => elk.layout(elkGraph(machine, labelled, direction))));
  const scale = (laid) => Math.min(room.width / laid.width, room.height / laid.height);
  return scale(both[0]) >= scale(both[1]) ? both[0] : both[1];
}

function elkGraph(machine, labelled, direction) {
  const nodes = new Map();
  const node = (state) => {
    const runs = labelled ? state.runs : [];
    const size = { width: Math.max(width(state.name, NAME) + 26, ...runs.map((run) => width(`⚙ ${run}`, LABEL) + 24), 56),
      height: 30 + 15 * runs.length };
    const children = machine.states.filter((each) => each.parent === state.path).map(node);
    const made = children.length
      ? { id: state.path, children: [...dot(state.path, state.initial), ...children], edges: [],
        layoutOptions: { ...INSIDE, "elk.nodeSize.constraints": "MINIMUM_SIZE", "elk.nodeSize.minimum": `(${size.width}, 40)` } }
      : { id: state.path, ...size };
    nodes.set(state.path, made);
    return made;
  };
  const dot = (path, initial) => (initial ? [{ id: `${path} •`, width: 9, height: 9 }] : []);
  const tops = machine.states.filter((state) => !state.parent).map(node);
  const edges = arrows(machine).map((arrow, number) => ({
    id: `e${number}`, sources: [arrow.source], targets: [arrow.target], arrow,
    labels: labelled ? arrow.labels.map((text) => ({ text, width: width(text, LABEL) + 4, height: 14 })) : [],
  }));
  const starts = [["", machine.initial], ...machine.states.filter((state) => state.initial).map((state) => [state.path, state.initial])];
  for (const [path, initial] of starts) {
    edges.push({ id: `${path} start`, sources: [`${path} •`], targets: [path ? `${path}.${initial}` : initial], start: true });
  }
  const any = edges.some((edge) => edge.sources[0] === ANY) ? [{ id: ANY, width: width("any state", LABEL) + 18, height: 22 }] : [];
  const layoutOptions = { ...ROOT, ...(labelled ? {} : SMALL), "elk.direction": direction };
  return { id: "root", layoutOptions, children: [...dot("", machine.initial), ...any, ...tops], edges };
}

export function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function text(content, attributes) {
  const made = element("text", attributes);
  made.textContent = content;
  return made;
}

export class Diagram {
  constructor(machine, labelled, room) {
    this.machine = machine;
    this.labelled = labelled;
    this.states = new Map();
    this.edges = new Map(); // row id to its arrows
    this.svg = element("svg", { class: "diagram", role: "img" });
    this.ready = laidOut(machine, labelled, room).then((laid) => this.draw(laid));
    this.lit = null;
    if (labelled) this.movable();
  }

  draw(laid) {
    this.tip = `tip${drawn++}`;
    const marker = element("marker", { id: this.tip, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      element("path", { d: "M0 0L8 4L0 8z", class: "tip" }));
    this.svg.append(element("defs", {}, marker));
    this.box = { x: 0, y: 0, width: laid.width, height: laid.height };
    this.whole = { ...this.box };
    this.places = new Map(); // of the states: [x, y, width, height]
    this.see();
    const offsets = new Map([["root", [0, 0]]]);
    const boxes = element("g", {});
    const lines = element("g", {});
    for (const child of laid.children) this.drawNode(child, 0, 0, boxes, offsets);
    for (const edge of laid.edges) this.drawEdge(edge, offsets, lines);
    this.svg.append(boxes, lines);
    if (this.lit) this.light(...this.lit);
  }

  // Wheel and hand: nearer, and along. A double click shows the whole again.
  movable() {
    this.svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = Math.exp(event.deltaY / 500);
      const { x, y } = this.place(event);
      const { box } = this;
      if (box.width * factor > this.whole.width * 1.5 || box.width * factor < 80) return;
      this.moved = true;
      this.aim = null;
      this.box = { x: x - (x - box.x) * factor, y: y - (y - box.y) * factor, width: box.width * factor, height: box.height * factor };
      this.see();
    }, { passive: false });
    this.svg.addEventListener("pointermove", (event) => {
      if (!event.buttons || !this.box) return;
      const scale = 1 / this.svg.getScreenCTM().a;
      this.moved = true;
      this.box.x -= event.movementX * scale;
      this.box.y -= event.movementY * scale;
      this.see();
    });
    this.svg.addEventListener("dblclick", () => {
      this.moved = !this.moved;
      if (this.moved) this.glide({ ...this.whole });
      else this.near();
    });
  }

  // What is too small to be read as a whole is shown around the state that is lit.
  near() {
    const room = this.svg.getBoundingClientRect();
    if (this.moved || !this.whole || !room.width) return;
    const scale = Math.min(room.width / this.whole.width, room.height / this.whole.height);
    if (scale >= SMALLEST) {
      this.glide({ ...this.whole });
      return;
    }
    const shown = [this.lit?.[0], this.lit?.[2]].map((path) => this.places.get(path)).filter(Boolean);
    if (!shown.length) return;
    const middle = (at) => {
      const [low, high] = [Math.min(...shown.map((p) => p[at])), Math.max(...shown.map((p) => p[at] + p[at + 2]))];
      return (low + high) / 2;
    };
    const [wide, height] = [room.width / READABLE, room.height / READABLE];
    const clamp = (start, length, whole) => (length >= whole ? (whole - length) / 2 : Math.min(Math.max(start, 0), whole - length));
    this.glide({
      x: clamp(middle(0) - wide / 2, wide, this.whole.width), y: clamp(middle(1) - height / 2, height, this.whole.height), width: wide, height,
    });
  }

  glide(box) {
    const [from, began] = [{ ...this.box }, performance.now()];
    if (Object.keys(box).every((key) => Math.abs((this.aim ?? from)[key] - box[key]) < 0.5)) return;
    this.aim = box;
    const step = (now) => {
      if (this.aim !== box) return;
      const share = Math.min(1, (now - began) / 200);
      const eased = 1 - (1 - share) ** 3;
      for (const key of Object.keys(box)) this.box[key] = from[key] + (box[key] - from[key]) * eased;
      this.see();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  place(event) {
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
  }

  see() {
    const { x, y, width: wide, height } = this.box;
    this.svg.setAttribute("viewBox", `${x} ${y} ${wide} ${height}`);
  }

  drawNode(node, left, top, layer, offsets) {
    const [x, y] = [left + node.x, top + node.y];
    offsets.set(node.id, [x, y]);
    if (node.id.endsWith(" •")) {
      layer.append(element("circle", { cx: x + 4.5, cy: y + 4.5, r: 4.5, class: "dot" }));
      return;
    }
    const state = this.machine.states.find((each) => each.path === node.id);
    const composite = Boolean(node.children);
    this.places.set(node.id, [x, y, node.width, node.height]);
    const group = element("g", { class: `state${composite ? " composite" : ""}${state?.final ? " final" : ""}${state ? "" : " any"}` });
    if (state) {
      group.dataset.state = state.path;
      const title = element("title", {});
      title.textContent = state.doc || state.path;
      group.append(title);
      this.states.set(state.path, group);
    }
    group.append(element("rect", { x, y, width: node.width, height: node.height, rx: composite ? 10 : 8 }));
    if (state?.final) group.append(element("rect", { x: x + 3, y: y + 3, width: node.width - 6, height: node.height - 6, rx: 6, class: "rim" }));
    const name = state ? state.name : "any state";
    group.append(composite ? text(name, { x: x + 12, y: y + 20, class: "name" })
      : text(name, { x: x + node.width / 2, y: y + (state ? 20 : 15), class: "name", "text-anchor": "middle" }));
    if (!composite && this.labelled) {
      (state?.runs ?? []).forEach((run, at) => group.append(
        text(`⚙ ${run}`, { x: x + node.width / 2, y: y + 35 + 15 * at, class: "runs", "text-anchor": "middle" })));
    }
    layer.append(group);
    for (const child of node.children ?? []) this.drawNode(child, x, y, layer, offsets);
  }

  drawEdge(edge, offsets, layer) {
    const [dx, dy] = offsets.get(edge.container ?? "root") ?? [0, 0];
    const group = element("g", { class: edge.start ? "arrow start" : "arrow" });
    for (const section of edge.sections ?? []) {
      const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map((p) => [p.x + dx, p.y + dy]);
      group.append(element("path", { d: rounded(points), "marker-end": `url(#${this.tip})` }));
    }
    for (const label of edge.labels ?? []) {
      group.append(text(label.text, { x: label.x + dx + 2, y: label.y + dy + 11, class: "label" }));
    }
    for (const row of edge.arrow?.rows ?? []) this.edges.set(row, [...(this.edges.get(row) ?? []), { group, ...edge.arrow }]);
    layer.append(group);
  }

  // Which state an instance is in, the row that brought it there, and the state it was in before.
  light(state, row, from, ended) {
    this.lit = [state, row, from, ended];
    for (const [path, group] of this.states) {
      group.classList.toggle("on", path === state);
      group.classList.toggle("inside", state !== undefined && state.startsWith(`${path}.`));
      group.classList.toggle("left", path === from && from !== state);
      group.classList.toggle("over", Boolean(ended));
    }
    for (const group of this.svg.querySelectorAll(".arrow.taken")) group.classList.remove("taken");
    const found = this.edges.get(row) ?? [];
    const fitting = found.filter((edge) => within(from, edge.source));
    for (const { group } of fitting.length ? fitting : found) {
      group.classList.add("taken");
      group.parentNode.append(group); // above the others
    }
    if (this.labelled) this.near();
  }
}

function within(state, path) {
  return path === ANY || state === path || Boolean(state?.startsWith(`${path}.`));
}

function rounded(points) {
  const radius = 6;
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let at = 1; at < points.length - 1; at++) {
    const [before, here, after] = [points[at - 1], points[at], points[at + 1]];
    const near = (other) => {
      const length = Math.hypot(other[0] - here[0], other[1] - here[1]) || 1;
      const step = Math.min(radius, length / 2) / length;
      return [here[0] + (other[0] - here[0]) * step, here[1] + (other[1] - here[1]) * step];
    };
    const [into, out] = [near(before), near(after)];
    path += `L${into[0]} ${into[1]}Q${here[0]} ${here[1]} ${out[0]} ${out[1]}`;
  }
  const end = points[points.length - 1];
  return `${path}L${end[0]} ${end[1]}`;
}
