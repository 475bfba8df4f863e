// On the audio thread: a microphone that speaks PCM16 at 24 kHz, and a speaker that knows what it has played.

const RATE = 24000;
const FRAME = 960; // 40 ms
const REPORT = 2400; // samples between two reports of the speaker
const LEAD = 1920; // samples it waits for before it begins, against gaps

// A windowed sinc. Positions are whole numbers of 1/den input samples, so nothing drifts.
class Resampler {
  constructor(from, to) {
    const gcd = (a, b) => (b ? gcd(b, a % b) : a);
    const shared = gcd(from, to);
    this.num = from / shared;
    this.den = to / shared;
    this.cutoff = Math.min(1, to / from);
    this.half = Math.ceil(12 / this.cutoff);
    this.kernels = new Map();
    this.input = new Float32Array(this.half - 1);
    this.phase = 0;
  }

  kernel(phase) {
    if (!this.kernels.has(phase)) {
      const taps = Float32Array.from({ length: 2 * this.half }, (_, tap) => {
        const x = tap - this.half + 1 - phase / this.den;
        const angle = Math.PI * this.cutoff * x;
        return (angle ? Math.sin(angle) / angle : 1) * (0.5 + 0.5 * Math.cos((Math.PI * x) / this.half));
      });
      const sum = taps.reduce((a, b) => a + b);
      this.kernels.set(phase, taps.map((tap) => tap / sum));
    }
    return this.kernels.get(phase);
  }

  *resample(samples) {
    const input = new Float32Array(this.input.length + samples.length);
    input.set(this.input);
    input.set(samples, this.input.length);
    let at = 0;
    while (at + 2 * this.half <= input.length) {
      yield this.kernel(this.phase).reduce((sum, tap, n) => sum + tap * input[at + n], 0);
      this.phase += this.num;
      at += Math.floor(this.phase / this.den);
      this.phase %= this.den;
    }
    this.input = input.slice(at);
  }
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.energy = 0;
  }

  process([[samples]]) {
    if (!samples) return true;
    for (const sample of this.resampler.resample(samples)) {
      this.energy += sample * sample;
      this.frame[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled < FRAME) continue;
      this.port.postMessage({ pcm: this.frame.buffer, rms: Math.sqrt(this.energy / FRAME) }, [this.frame.buffer]);
      this.frame = new Int16Array(FRAME);
      this.filled = this.energy = 0;
    }
    return true;
  }
}

// Pieces of items, played without a gap between them. Its context runs at 24 kHz: a sample is a sample.
class Speaker extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.open = null; // the last piece, while more of its item are to come
    this.playing = false;
    this.played = new Map();
    this.port.onmessage = ({ data }) => this[data.does](data);
  }

  play(piece) {
    this.open = piece;
    this.queue.push({ ...piece, at: 0 });
  }

  end() {
    this.open = null;
  }

  // What is not played to its end says how far it came.
  stop() {
    const pieces = [...this.queue, this.open].filter(Boolean);
    const cut = new Map(pieces.map(({ item, part }) => [item, { item, part, samples: this.played.get(item) ?? 0 }]));
    this.queue = [];
    this.open = null;
    this.port.postMessage({ cut: [...cut.values()] });
  }

  process(_, [[out]]) {
    const waiting = this.queue.length > 0;
    this.playing &&= waiting;
    this.playing ||= waiting && (this.open === null || this.queue.reduce((sum, { pcm }) => sum + pcm.length, 0) >= LEAD);
    for (let filled = 0; this.playing && filled < out.length && this.queue.length; ) {
      const piece = this.queue[0];
      const count = Math.min(out.length - filled, piece.pcm.length - piece.at);
      for (let n = 0; n < count; n++) out[filled + n] = piece.pcm[piece.at + n] / 32768;
      filled += count;
      piece.at += count;
      if (piece.at === piece.pcm.length) this.queue.shift();
      this.report(piece.item, count);
    }
    return true;
  }

  report(item, count) {
    const before = this.played.get(item) ?? 0;
    const samples = before + count;
    this.played.set(item, samples);
    const dry = !this.queue.length;
    if (dry || before === 0 || Math.floor(samples / REPORT) > Math.floor(before / REPORT)) {
      this.port.postMessage({ item, samples, dry });
    }
  }
}

registerProcessor("microphone", Microphone);
registerProcessor("speaker", Speaker);
