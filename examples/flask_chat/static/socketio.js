// A minimal Socket.IO client: protocol 5 over Engine.IO 4, one namespace, text events, no reconnecting.
// https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
const RECORD_SEPARATOR = "\x1e"; // parts the packets of one polling answer

export class SocketIO {
  constructor({ onEvent, onState }) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.send = () => {};
  }

  emit(name, value) {
    this.send(`42${JSON.stringify([name, value])}`);
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/socket.io/?EIO=4&transport=websocket`);
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.send = (packet) => socket.send(packet);
    };
    socket.onmessage = ({ data }) => this.receive(data, "WebSocket");
    socket.onclose = () => (opened ? this.onState("closed") : this.poll());
  }

  async poll() {
    const base = "/socket.io/?EIO=4&transport=polling";
    try {
      const [handshake] = await this.get(base);
      const url = `${base}&sid=${JSON.parse(handshake.slice(1)).sid}`;
      this.send = (packet) => fetch(url, { method: "POST", body: packet });
      await this.receive(handshake, "long polling");
      for (;;) {
        for (const packet of await this.get(url)) this.receive(packet, "long polling");
      }
    } catch {
      this.onState("closed");
    }
  }

  async get(url) {
    const response = await fetch(url, { cache: "no-store" });
    if (!response.ok) throw new Error(`Socket.IO answered ${response.status}.`);
    return (await response.text()).split(RECORD_SEPARATOR);
  }

  receive(packet, transport) {
    if (packet.startsWith("0")) return this.send("40"); // open: join the default namespace
    if (packet === "2") return this.send("3"); // ping: pong
    if (packet.startsWith("40")) return this.onState("open", transport);
    if (packet.startsWith("42")) return this.onEvent(...JSON.parse(packet.slice(2)));
    return undefined;
  }
}
