// Sockets of the web app's own client, controlled by a test over stdin. Each input line is an instruction. Each output line is a
// message that a socket received, or the ack of a message that it sent.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const sockets = new Map();
const report = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const orders = {
  connect({ who, url, options }) {
    const socket = io(url, { ...options, forceNew: true });
    const saw = (event, data) => report({ who, event, data });
    sockets.set(who, socket);
    socket.on("connect", () => saw("connect", { socketId: socket.id }));
    socket.on("connect_error", ({ message }) => saw("connect_error", { message, active: socket.active }));
    socket.on("disconnect", (reason) => saw("disconnect", { reason, active: socket.active }));
    socket.onAny((event, ...args) => saw(event, args.length === 1 ? args[0] : { args }));
    // Engine.IO's events. Their order relative to the other lines is not defined.
    socket.io.on("open", () => {
      const { engine } = socket.io;
      report({ who, transport: engine.transport.name });
      engine.on("upgrade", (transport) => report({ who, transport: transport.name }));
      engine.on("close", () => report({ who, transport: "closed" }));
    });
    socket.io.on("reconnect_attempt", () => report({ who, transport: "retrying" }));
    socket.io.on("reconnect_failed", () => report({ who, transport: "given up" }));
  },
  emit({ who, ack, event, data }) {
    sockets.get(who).emit(event, data, (answer) => report({ who, ack, data: answer }));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  orders[order.do](order);
}
process.exit(0);
