// Reads packets, one JSON object per line, and prints the result of the real parsers for each, one JSON object per line.
// "sio": a Socket.IO packet, whose attachments are the bytes 0, 1, 2 … ; "eio": a polling body of Engine.IO.
import { createInterface } from "node:readline";
import { Decoder } from "socket.io-parser";
import { decodePayload } from "engine.io-parser";

function socketIO(text) {
  const decoder = new Decoder();
  let decoded = null;
  decoder.on("decoded", (packet) => (decoded = packet));
  try {
    decoder.add(text);
    for (let i = 0; !decoded && i < 10; i++) {
      decoder.add(Buffer.from([i]));
    }
  } catch (e) {
    return { refused: e.message };
  }
  const { type, nsp, id, data } = decoded;
  return { type, nsp, id, data };
}

function engineIO(body) {
  const packets = decodePayload(body);
  if (packets.some((packet) => packet.type === "error")) {
    return { refused: "error packet" };
  }
  return {
    packets: packets.map(({ type, data }) =>
      Buffer.isBuffer(data) ? { type, binary: data.toString("base64") } : { type, data: data ?? "" }
    ),
  };
}

// A Buffer is printed as {"$": its bytes}.
Buffer.prototype.toJSON = function () {
  return { $: [...this] };
};

for await (const line of createInterface({ input: process.stdin })) {
  const { sio, eio } = JSON.parse(line);
  console.log(JSON.stringify(sio !== undefined ? socketIO(sio) : engineIO(eio)));
}
