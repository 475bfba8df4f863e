// The connection to the server: asks for a session and for machines, and hands on what comes. It comes back by itself.

const RETRY_MS = [500, 1000, 2000, 5000];
const WRONG_TOKEN = 3000;

export class Feed {
  constructor(handlers) {
    this.handlers = handlers;
    this.failures = 0;
    this.watched = null;
    this.token = location.hash.slice(1);
    this.asked = new Set();
    this.connect();
  }

  connect() {
    // Relative, so that it also leads there below a proxy's path.
    const url = new URL("inspect/feed", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    this.socket = new WebSocket(url);
    this.socket.onopen = () => {
      this.asked.clear();
      if (this.token) this.send({ token: this.token });
      if (this.watched) this.send({ watch: this.watched });
    };
    this.socket.onmessage = (message) => {
      this.failures = 0;
      const told = JSON.parse(message.data);
      this.handlers[told.kind]?.(told);
    };
    this.socket.onclose = (event) => {
      this.handlers.lost(event.code === WRONG_TOKEN);
      if (event.code === WRONG_TOKEN) return;
      setTimeout(() => this.connect(), RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)]);
    };
  }

  identify(token) {
    this.token = token;
    if (this.socket.readyState === WebSocket.OPEN) this.send({ token });
    else this.connect();
  }

  watch(id) {
    this.watched = id;
    this.send({ watch: id });
  }

  machines(number) {
    if (this.asked.has(number)) return;
    this.asked.add(number);
    this.send({ machines: number });
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
