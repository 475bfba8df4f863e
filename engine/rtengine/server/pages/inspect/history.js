// The steps of one session, and where everything stands after any of them.

const CHECKPOINT = 200; // steps from one remembered standing to the next

export class Standing {
  constructor(before) {
    this.n = before?.n ?? 0;
    this.t = 0;
    this.instances = new Map((before?.instances ?? []).map((each) => [each.i, { ...each, since: each.t }]));
    this.timers = new Map((before?.timers ?? []).map((each) => [each.timer, each]));
    this.jobs = new Map((before?.jobs ?? []).map((each) => [each.job, each]));
    this.ended = []; // jobs that are over, the last ones
    this.last = null; // the row taken last, with its step
  }

  copy() {
    const twin = new Standing();
    Object.assign(twin, this);
    twin.instances = new Map([...this.instances].map(([key, each]) => [key, { ...each }]));
    twin.timers = new Map(this.timers);
    twin.jobs = new Map(this.jobs);
    twin.ended = [...this.ended];
    return twin;
  }

  take(step) {
    this.n = step.n;
    this.t = step.in.until ?? step.t;
    if (step.in.in === "timer") this.timers.delete(step.in.timer);
    if (step.in.in === "result" && step.in.final) this.endJob(step.in.job, step.t, step.in.name === "failed" ? "failed" : "done");
    for (const row of step.rows) {
      this.effects(row.out, step.t, row.i);
      this.move(row, step);
    }
    this.effects(step.out, step.t, null);
  }

  move(row, step) {
    const known = this.instances.get(row.i);
    if (row.m !== undefined && known === undefined) this.forgetEnded(row.m);
    const moved = known?.state !== row.to;
    this.instances.set(row.i, {
      i: row.i, m: row.m, p: row.p, file: row.file, line: row.line, row: row.row, from: row.from, state: row.to,
      t: step.t, since: moved ? step.t : known.since, ended: row.ended,
    });
    this.last = { ...row, t: step.t, n: step.n };
  }

  forgetEnded(machine) {
    // of the instances that are over, one of each machine stays: the last
    for (const [key, each] of this.instances) if (each.m === machine && each.ended) this.instances.delete(key);
  }

  effects(effects, t, i) {
    for (const effect of effects) {
      if (effect.out === "timer") this.timers.set(effect.timer, { timer: effect.timer, t, at: effect.at, i });
      else if (effect.out === "clear") this.timers.delete(effect.timer);
      else if (effect.out === "start") this.jobs.set(effect.job, { job: effect.job, stage: stageOf(effect), t, i });
      else if (effect.out === "cancel") this.endJob(effect.job, t, "cancelled");
    }
  }

  endJob(id, t, how) {
    const job = this.jobs.get(id);
    if (!job) return;
    this.jobs.delete(id);
    this.ended = [{ ...job, end: t, how }, ...this.ended].slice(0, 6);
  }
}

export function stageOf(start) {
  if (start.request.prefill_only) return "read ahead";
  return start.request.judge_only ? "judge" : start.stage;
}

export class History {
  constructor(before, steps) {
    this.steps = [];
    this.checkpoints = [new Standing(before)];
    this.end = this.checkpoints[0].copy();
    for (const step of steps) this.add(step);
  }

  add(step) {
    if (this.steps.length % CHECKPOINT === 0 && this.steps.length) this.checkpoints.push(this.end.copy());
    this.steps.push(step);
    this.end.take(step);
  }

  // after the first `count` steps
  at(count) {
    if (count >= this.steps.length) return this.end;
    const known = Math.min(Math.floor(count / CHECKPOINT), this.checkpoints.length - 1);
    const standing = this.checkpoints[known].copy();
    for (let index = known * CHECKPOINT; index < count; index++) standing.take(this.steps[index]);
    return standing;
  }

  // how many steps begin at or before a time
  countAt(t) {
    let low = 0;
    let high = this.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.steps[middle].t <= t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get duration() {
    return this.end.t;
  }
}
