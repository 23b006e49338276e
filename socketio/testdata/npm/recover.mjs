// Runs a version of the real client through breaks of its connection: node recover.mjs PACKAGE URL TRANSPORTS. It prints what the client
// sees, and takes orders, one JSON object per line each.
import { createInterface } from "node:readline";

const [name, url, transports] = process.argv.slice(2);
const { io } = await import(name);
const print = (value) => console.log(JSON.stringify(value));

const socket = io(url, {
  auth: { user: "kim" },
  transports: transports === "default" ? undefined : transports.split(","),
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
  randomizationFactor: 0,
});
socket.on("connect", async () => {
  const { recovered, io: { engine } } = socket;
  if (transports === "default" && engine.transport.name === "polling") {
    // A client whose connection is cut during an upgrade notices it by the ping timeout alone, after 85 s.
    await new Promise((resolve) => engine.once("upgrade", resolve));
  }
  print({ connected: socket.id, recovered: recovered === true });
});
socket.on("disconnect", (reason) => print({ disconnected: reason }));
socket.on("n", (n) => print({ n }));

for await (const line of createInterface({ input: process.stdin })) {
  const { emit, order } = JSON.parse(line);
  if (emit !== undefined) {
    socket.emit("n", emit); // also while the connection is broken: the client sends it afterwards
  } else if (order === "reconnect") {
    socket.io.engine.close();
  } else if (order === "disconnect") {
    socket.disconnect();
  } else if (order === "connect") {
    socket.connect();
  }
}
