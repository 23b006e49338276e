// A page that joins calls as the web app's page does: REST for the record, socket.io-client for signalling, WebRTC for media. The
// test that opened the page sends instructions by /orders, and receives the page's observations at /observations.
const who = new URLSearchParams(location.search).get("who");
const { api, studyId, token } = await (await fetch(`/config?who=${who}`)).json();
const roomId = `study-${studyId}-main`;
const report = (kind, data = {}) => fetch("/observations", { method: "POST", body: JSON.stringify({ who, kind, data }) });

let socket, camera, sessionId;
let position = 0; // Event-Position of the latest command
const screen = document.createElement("canvas");
const peers = new Map(); // by socket id: {userId, pc, sender, figure}

async function rest(method, route, body) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${api}/api/my-studies/${studyId}/video-call/${route}`, {
    method, headers, credentials: "include", body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${route}: ${answer.status} ${await answer.text()}`);
  position = Math.max(position, answer.headers.get("Event-Position"));
  return answer.json();
}

async function ask(event, data) {
  const answer = await socket.emitWithAck(event, data);
  if (!answer.ok) throw new Error(`${event}: ${JSON.stringify(answer)}`);
}

function show(name, stream) {
  const figure = document.createElement("figure");
  figure.innerHTML = "<video autoplay playsinline></video><figcaption></figcaption>";
  figure.querySelector("figcaption").textContent = name;
  if (stream) Object.assign(figure.querySelector("video"), { srcObject: stream, muted: true }); // the page's own camera
  document.querySelector("main").append(figure);
  return figure;
}

function meet(socketId, userId, user) {
  const pc = new RTCPeerConnection({ iceServers: [] });
  const figure = show(user.name);
  pc.addTrack(camera.getAudioTracks()[0], camera);
  const peer = { userId, pc, figure, sender: pc.addTrack(screen.track ?? camera.getVideoTracks()[0], camera) };
  peers.set(socketId, peer);
  pc.onicecandidate = ({ candidate }) => socket.emit("video:ice-candidate", { to: socketId, candidate }); // the last candidate is null
  pc.ontrack = ({ streams: [stream] }) => (figure.querySelector("video").srcObject = stream);
  watch(peer);
  return pc;
}

// watch reports a peer's picture and sound until the peer leaves.
function watch({ userId, pc, figure }) {
  const [video, caption] = figure.children;
  const dot = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  let frames = 0;
  const count = () => { frames++; video.requestVideoFrameCallback(count); };
  video.requestVideoFrameCallback(count);
  const timer = setInterval(async () => {
    if (pc.connectionState === "closed") return clearInterval(timer);
    if (video.videoWidth > 0) dot.drawImage(video, 0, 0, 1, 1);
    const colour = [...dot.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    const sound = [...(await pc.getStats()).values()].find((s) => s.type === "inbound-rtp" && s.kind === "audio");
    report("peer", {
      userId, caption: caption.textContent, colour, frames, width: video.videoWidth, height: video.videoHeight,
      time: video.currentTime, loudness: sound?.totalAudioEnergy ?? 0, packets: sound?.packetsReceived ?? 0,
    });
  }, 200);
}

const hears = {
  "video:room-state": async ({ participants }) => {
    for (const { socketId, userId, user } of participants) {
      const pc = meet(socketId, userId, user);
      await pc.setLocalDescription();
      socket.emit("video:offer", { to: socketId, offer: pc.localDescription });
    }
  },
  "video:user-joined": ({ socketId, userId, user }) => void meet(socketId, userId, user),
  "video:offer": async ({ from, offer }) => {
    const { pc } = peers.get(from);
    await pc.setRemoteDescription(offer);
    await pc.setLocalDescription();
    socket.emit("video:answer", { to: from, answer: pc.localDescription });
  },
  "video:answer": ({ from, answer }) => peers.get(from).pc.setRemoteDescription(answer),
  "video:ice-candidate": ({ from, candidate }) => peers.get(from).pc.addIceCandidate(candidate),
  "video:user-left": ({ socketId }) => {
    const { pc, figure } = peers.get(socketId);
    peers.delete(socketId);
    pc.close();
    figure.remove();
  },
  "video:peer-audio-changed": ({ socketId, isMuted }) => note(socketId, "muted", isMuted),
  "video:peer-video-changed": ({ socketId, isVideoOff }) => note(socketId, "camera off", isVideoOff),
  "video:peer-screen-share": ({ socketId, isSharing }) => note(socketId, "sharing", isSharing),
};

function note(socketId, what, is) {
  const caption = peers.get(socketId).figure.querySelector("figcaption");
  caption.textContent = caption.textContent.replace(` · ${what}`, "") + (is ? ` · ${what}` : "");
}

const orders = {
  // Starts or joins a call: REST first, then the room.
  async join() {
    camera = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    show("나", camera);
    const { session } = await rest("GET", "status");
    ({ id: sessionId } = session ?? (await rest("POST", "start")).session);
    await rest("POST", "join", { sessionId });
    socket = io(api, { auth: { userId: who, token }, withCredentials: true, transports: ["websocket", "polling"] });
    let before = Promise.resolve(); // messages are handled one at a time
    socket.onAny((event, data) => {
      if (event !== "video:ice-candidate") report(event, data);
      before = before.then(() => hears[event]?.(data)).catch((e) => report("failed", `${event}: ${e}`));
    });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
    await ask("video:join-room", { studyId, roomId });
    return sessionId;
  },
  async mute(isMuted) {
    camera.getAudioTracks()[0].enabled = !isMuted;
    await ask("video:toggle-audio", { roomId, isMuted });
  },
  async hide(isVideoOff) {
    camera.getVideoTracks()[0].enabled = !isVideoOff;
    await ask("video:toggle-video", { roomId, isVideoOff });
  },
  // The screen is a green canvas.
  async share(is) {
    await ask(`video:screen-share-${is ? "start" : "stop"}`, { roomId });
    if (is) {
      const picture = screen.getContext("2d");
      screen.timer = setInterval(() => { picture.fillStyle = "#00c800"; picture.fillRect(0, 0, 300, 150); }, 100);
      screen.track = screen.captureStream(10).getVideoTracks()[0];
    } else {
      clearInterval(screen.timer);
      screen.track = undefined;
    }
    for (const { sender } of peers.values()) await sender.replaceTrack(screen.track ?? camera.getVideoTracks()[0]);
  },
  // The service's refusals of this page, without WebSockets: "" if REST and Socket.IO both accept it.
  async knock() {
    const status = await rest("GET", "status").then(() => "", String);
    const polling = io(api, { auth: { token }, withCredentials: true, transports: ["polling"], reconnection: false });
    const connected = await new Promise((resolve) => {
      polling.once("connect", () => resolve("")).once("connect_error", ({ message }) => resolve(message));
    });
    polling.close();
    return [status, connected];
  },
  // Leaves the room, then the call.
  async leave() {
    for (const { pc } of peers.values()) pc.close();
    await ask("video:leave-room", { roomId });
    await rest("POST", "leave", { sessionId });
    return position;
  },
};

document.querySelector("h1").textContent = who;
new EventSource(`/orders?who=${who}`).onmessage = async ({ data }) => {
  const order = JSON.parse(data);
  try {
    await report("done", { order: order.number, result: await orders[order.name](order.value) ?? null });
  } catch (e) {
    await report("failed", `${order.name}: ${e}`);
  }
};
