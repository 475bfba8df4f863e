// The microphone and the speaker, as PCM16 at 24 kHz.

const RATE = 24000;

async function node(context, name) {
  await context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
  return new AudioWorkletNode(context, name, { outputChannelCount: [1] });
}

export class Microphone {
  // `hear` gets the bytes of 40 ms each, and their level from 0 to 1.
  static async open(hear) {
    if (!navigator.mediaDevices) throw new Error("The browser gives a microphone to pages of localhost or https alone.");
    const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const opened = new Microphone();
    opened.stream = await navigator.mediaDevices.getUserMedia({ audio });
    opened.context = new AudioContext();
    opened.node = await node(opened.context, "microphone");
    opened.node.port.onmessage = ({ data }) => hear(new Uint8Array(data.pcm), Math.min(1, Math.sqrt(data.rms) * 1.6));
    opened.context.createMediaStreamSource(opened.stream).connect(opened.node).connect(opened.context.destination);
    await opened.context.resume();
    return opened;
  }

  close() {
    this.node.port.onmessage = null;
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}

export class Speaker {
  // `played` gets { item, ms, dry }: how much of an item has been heard, and whether nothing waits.
  static async open(played) {
    const opened = new Speaker();
    opened.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    opened.node = await node(opened.context, "speaker");
    opened.node.connect(opened.context.destination);
    opened.node.port.onmessage = ({ data }) => {
      if (data.cut) opened.waiting.shift()(data.cut);
      else played({ ...data, ms: Math.floor(data.samples / (RATE / 1000)) });
    };
    opened.waiting = [];
    await opened.context.resume();
    return opened;
  }

  play(item, part, base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    this.node.port.postMessage({ does: "play", item, part, pcm: new Int16Array(bytes.buffer) });
  }

  // No more will come of the item that was played last.
  end() {
    this.node.port.postMessage({ does: "end" });
  }

  // Silence at once: what was cut off, as { item, part, ms } that were truly heard.
  async stop() {
    const cut = await new Promise((done) => {
      this.waiting.push(done);
      this.node.port.postMessage({ does: "stop" });
    });
    const unheard = (this.context.outputLatency || 0) * RATE; // rendered, and still on its way to the ear
    return cut.map(({ item, part, samples }) => ({ item, part, ms: Math.max(0, Math.floor((samples - unheard) / (RATE / 1000))) }));
  }
}
