// Runs the real client against a test server: node client.mjs flow|reconnect URL TRANSPORTS. It prints JSON objects, one per line,
// which the test checks.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const [scenario, url, transports] = process.argv.slice(2);
const options = {
  auth: { userId: "user-456", token: "비밀 😀" },
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
  randomizationFactor: 0,
};
if (transports !== "default") {
  options.transports = transports.split(",");
}

const print = (value) => console.log(JSON.stringify(value));
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

const socket = io(url, options);
socket.io.on("reconnect_attempt", () => print({ attempt: true }));

const scenarios = {
  async flow() {
    const upgraded = transports === "default" ? once(socket.io, "open").then(() => once(socket.io.engine, "upgrade")) : null;
    await once(socket, "connect");
    assert.notEqual(socket.id, socket.io.engine.id);

    // Messages come back in order, also during the upgrade.
    const echoed = [];
    const all = new Promise((resolve) => {
      socket.on("echo", (n) => echoed.push(n) === 100 && resolve());
    });
    for (let n = 0; n < 100; n++) {
      socket.emit("echo", n);
    }
    await all;
    assert.deepEqual(echoed, [...Array(100).keys()]);

    // Acks to the client have the arguments of the event.
    for (const args of [
      [],
      [null],
      ["x".repeat(20_000)],
      ["김철수 😀 \u2028", { sdp: "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n", nested: [1.5, -0, 1e21, true, null, {}] }],
      [Buffer.from([1, 2, 3]), { deep: [new Uint8Array([4, 5, 6])] }, "text"],
    ]) {
      const answer = await socket.timeout(10_000).emitWithAck("ack", ...args);
      assert.deepEqual(JSON.stringify(answer), JSON.stringify(args.map((a) => (a instanceof Uint8Array ? Buffer.from(a) : a))
        .map((a) => (a?.deep ? { deep: a.deep.map((b) => Buffer.from(b)) } : a))));
    }

    // Acks to the server.
    socket.on("question", (text, bytes, answer) => answer(text.toUpperCase(), bytes));
    socket.emit("emit with ack");
    const [answered, bytes] = await once(socket, "answered");
    assert.equal(answered, "NAME?");
    assert.deepEqual([...bytes], [7, 8]);
    socket.on("unanswerable", () => {}); // sends no ack
    socket.emit("emit without answer");
    assert.deepEqual(await once(socket, "unanswered"), []);

    // A refusal is a connect_error, and is not retried.
    const refused = io(`${url}/private`, options);
    const [error] = await once(refused, "connect_error");
    assert.equal(error.message, "Authentication error");
    assert.deepEqual(error.data, { code: 401 });
    assert.equal(refused.active, false);

    // A disconnect by the server is not retried either.
    const guest = io(`${url}/guests`, options);
    await once(guest, "connect");
    guest.emit("disconnect me");
    assert.deepEqual((await once(guest, "disconnect"))[0], "io server disconnect");
    assert.equal(guest.active, false);

    if (upgraded) {
      await upgraded;
    }
    print({ transport: socket.io.engine.transport.name });
    socket.disconnect();
  },

  async reconnect() {
    await once(socket, "connect");
    const first = socket.id;
    print({ connected: true });
    const [reason] = await once(socket, "disconnect");
    print({ reason });
    await once(socket, "connect");
    assert.notEqual(socket.id, first);
    assert.deepEqual(await socket.timeout(10_000).emitWithAck("ack", "again"), ["again"]);
    print({ reconnected: true });
    socket.disconnect();
  },
};

await scenarios[scenario]();
print({ done: true });
