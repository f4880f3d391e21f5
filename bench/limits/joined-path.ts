/**
 * The limit of a path: what two processes reach over its sockets and its packet protection with no protocol at all. What a
 * QUIC connection costs above this is ours.
 *
 * The sender builds 1452-byte packets (header, frame header, copied payload), seals and masks them; the receiver unmasks
 * and opens. In flight are 1.5 MB at most, acknowledged once per loop turn; bursts are bounded and go on with
 * setImmediate. No loss recovery: what the kernel drops does not count, and a stall reopens the window.
 *
 * `node bench/limits/joined-path.ts [megabytes] [runs] [path]` prints one JSON line per run (Node 24; on Node 20 the compiled
 * file). Paths: `node` (dgram, AES-128-GCM of node:crypto), `wasm` (dgram, ChaCha20-Poly1305 of WebAssembly), `native` (the
 * addon's sockets and AES-128-GCM).
 */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openPath, PACKET_SIZE, type PathName, type PathSocket } from './path-socket.ts';

/** Speed over payload bytes, and CPU seconds (all threads of the process) per 10^9 of them. */
export interface JoinedPath {
  readonly mbps: number;
  readonly senderCpuPerGB: number;
  readonly receiverCpuPerGB: number;
}

/** Moves `bytes` of payload, and a warm-up before them that does not count, between two fresh processes. */
export async function measureJoinedPath(options: {
  readonly bytes: number;
  readonly path: PathName;
}): Promise<JoinedPath> {
  const { bytes, path } = options;
  const file = fileURLToPath(import.meta.url);
  const warmUpPackets = Math.ceil(Math.min(bytes / 4, WARM_UP_BYTES) / PAYLOAD_LENGTH);
  const packets = Math.ceil(bytes / PAYLOAD_LENGTH);
  const receiver = fork(file, ['receiver', path, String(packets), String(warmUpPackets)]);
  let sender: ChildProcess | null = null;
  try {
    const { port } = (await message(receiver)) as { port: number };
    sender = fork(file, ['sender', path, String(port), String(warmUpPackets)]);
    const [received, sent] = (await Promise.all([message(receiver), message(sender)])) as [Received, Sent];
    const gigabytes = (packets * PAYLOAD_LENGTH) / 1e9;
    return {
      mbps: (gigabytes * 8e3) / received.seconds,
      // The sender may have sent more than arrived in time, so its cost goes by what it sent.
      senderCpuPerGB: sent.cpuSeconds / ((sent.packets * PAYLOAD_LENGTH) / 1e9),
      receiverCpuPerGB: received.cpuSeconds / gigabytes,
    };
  } finally {
    if (receiver.connected) receiver.disconnect();
    if (sender?.connected) sender.disconnect();
  }
}

interface Received {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface Sent {
  readonly packets: number;
  readonly cpuSeconds: number;
}

/** Form bits, an 8-byte connection id, a 4-byte packet number. */
const PACKET_NUMBER_OFFSET = 9;
const HEADER_LENGTH = 13;
/** Type, stream id, an 8-byte offset: a STREAM frame to the end of the packet. */
const FRAME_HEADER_LENGTH = 10;
const PAYLOAD_START = HEADER_LENGTH + FRAME_HEADER_LENGTH;
const PAYLOAD_END = PACKET_SIZE - 16;
const PAYLOAD_LENGTH = PAYLOAD_END - PAYLOAD_START;
const WINDOW_PACKETS = Math.floor(1_500_000 / PACKET_SIZE);
const BURST_PACKETS = 64;
const STALL_MS = 200;
const WARM_UP_BYTES = 30e6;
const DONE = 1;

async function receive(path: PathName, packets: number, warmUpPackets: number): Promise<void> {
  const { provider, aead, key, bind } = openPath(path);
  const opener = provider.opener(aead, key, IV, key);
  const acknowledgement = new Uint8Array(5);
  const view = new DataView(acknowledgement.buffer);
  let received = 0;
  let startTime = 0;
  let startCpu: NodeJS.CpuUsage = process.cpuUsage();
  let senderPort = 0;
  let scheduled = false;
  const socket: PathSocket = await bind((datagram, port) => {
    opener.unmask(datagram, 0, PACKET_NUMBER_OFFSET);
    const packetNumber = readPacketNumber(datagram);
    if (!opener.open(datagram, 0, HEADER_LENGTH, datagram.length, packetNumber))
      throw new Error('not authentic');
    received++;
    if (received === warmUpPackets) {
      startTime = performance.now();
      startCpu = process.cpuUsage();
    } else if (received === warmUpPackets + packets) {
      acknowledgement[4] = DONE;
      process.send?.({
        seconds: (performance.now() - startTime) / 1000,
        cpuSeconds: cpuSecondsSince(startCpu),
      });
    }
    view.setUint32(0, packetNumber);
    senderPort = port;
    if (!scheduled) {
      scheduled = true;
      setImmediate(acknowledge);
    }
  });
  const acknowledge = (): void => {
    scheduled = false;
    socket.send(acknowledgement, 0, acknowledgement.length, senderPort);
  };
  endWithParent();
  process.send?.({ port: socket.port });
}

async function send(path: PathName, port: number, warmUpPackets: number): Promise<void> {
  const { provider, aead, key, bind } = openPath(path);
  const sealer = provider.sealer(aead, key, IV, key);
  const source = new Uint8Array(1 << 20).fill(0x6d);
  // A slot is free again when its packet was acknowledged, so the kernel has copied it by then.
  const slots = Buffer.alloc(WINDOW_PACKETS * PACKET_SIZE);
  let next = 0;
  let acknowledged = 0;
  let startCpu: NodeJS.CpuUsage = process.cpuUsage();
  let done = false;
  let scheduled = false;
  const socket: PathSocket = await bind((datagram) => {
    if (done) return;
    const view = new DataView(datagram.buffer, datagram.byteOffset);
    acknowledged = Math.max(acknowledged, view.getUint32(0) + 1);
    stall.refresh();
    if (datagram[4] === DONE) {
      done = true;
      clearTimeout(stall);
      process.send?.({ packets: next - warmUpPackets, cpuSeconds: cpuSecondsSince(startCpu) });
    }
    schedule();
  });
  const burst = (): void => {
    scheduled = false;
    // The slots of a burst lie in a row, so that a path that can may send them as one.
    const first = next % WINDOW_PACKETS;
    const room = Math.min(BURST_PACKETS, WINDOW_PACKETS - (next - acknowledged), WINDOW_PACKETS - first);
    for (let i = 0; i < room; i++) {
      if (next === warmUpPackets) startCpu = process.cpuUsage();
      const packet = slots.subarray((first + i) * PACKET_SIZE, (first + i + 1) * PACKET_SIZE);
      buildPacket(packet, next, source);
      sealer.seal(packet, 0, PACKET_NUMBER_OFFSET, HEADER_LENGTH, PAYLOAD_END, next);
      next++;
    }
    if (room > 0) socket.send(slots, first * PACKET_SIZE, room * PACKET_SIZE, port);
    if (next - acknowledged < WINDOW_PACKETS) schedule();
  };
  const schedule = (): void => {
    if (scheduled || done) return;
    scheduled = true;
    setImmediate(burst);
  };
  const stall = setTimeout(() => {
    acknowledged = next;
    stall.refresh();
    schedule();
  }, STALL_MS);
  endWithParent();
  schedule();
}

function buildPacket(packet: Uint8Array, packetNumber: number, source: Uint8Array): void {
  packet[0] = 0x43;
  for (let i = 1; i < PACKET_NUMBER_OFFSET; i++) packet[i] = i;
  packet[PACKET_NUMBER_OFFSET] = packetNumber >>> 24;
  packet[PACKET_NUMBER_OFFSET + 1] = packetNumber >>> 16;
  packet[PACKET_NUMBER_OFFSET + 2] = packetNumber >>> 8;
  packet[PACKET_NUMBER_OFFSET + 3] = packetNumber;
  packet[HEADER_LENGTH] = 0x0c;
  packet.fill(0, HEADER_LENGTH + 1, PAYLOAD_START);
  const at = (packetNumber % 512) * PAYLOAD_LENGTH;
  packet.set(source.subarray(at, at + PAYLOAD_LENGTH), PAYLOAD_START);
}

function readPacketNumber(packet: Uint8Array): number {
  const at = PACKET_NUMBER_OFFSET;
  return ((packet[at] << 24) | (packet[at + 1] << 16) | (packet[at + 2] << 8) | packet[at + 3]) >>> 0;
}

/** The parent ends both sides by closing the channel. */
function endWithParent(): void {
  process.once('disconnect', () => process.exit());
}

/** The next message of a child, or an error if it ends first. */
async function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`a side of the joined path ended with code ${code}`)));
  });
}

function cpuSecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

const IV = new Uint8Array(12).fill(4);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [role, first, second, third] = process.argv.slice(2);
  if (role === 'receiver') await receive(first as PathName, Number(second), Number(third));
  else if (role === 'sender') await send(first as PathName, Number(second), Number(third));
  else {
    const bytes = Number(role ?? 300) * 1e6;
    for (let run = 0; run < Number(first ?? 3); run++)
      console.log(JSON.stringify(await measureJoinedPath({ bytes, path: (second ?? 'node') as PathName })));
  }
}
