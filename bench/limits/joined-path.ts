/**
 * The limit of the portable path: what two processes reach over `dgram` and `node:crypto` with no protocol at all. What a
 * QUIC connection costs above this is ours.
 *
 * The sender builds 1452-byte packets (header, frame header, copied payload), seals and masks them; the receiver unmasks
 * and opens. In flight are 1.5 MB at most, acknowledged once per loop turn; bursts are bounded and go on with
 * setImmediate. No loss recovery: what the kernel drops does not count, and a stall reopens the window.
 *
 * `node bench/limits/joined-path.ts [megabytes] [runs]` prints one JSON line per run (Node 24; on Node 20 the compiled file).
 */

import { type ChildProcess, fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeProvider } from '../../src/crypto/node-provider.ts';

/** Speed over payload bytes, and CPU seconds (all threads of the process) per 10^9 of them. */
export interface JoinedPath {
  readonly mbps: number;
  readonly senderCpuPerGB: number;
  readonly receiverCpuPerGB: number;
}

/** Moves `bytes` of payload, and a warm-up before them that does not count, between two fresh processes. */
export async function measureJoinedPath({ bytes }: { readonly bytes: number }): Promise<JoinedPath> {
  const file = fileURLToPath(import.meta.url);
  const warmUpPackets = Math.ceil(Math.min(bytes / 4, WARM_UP_BYTES) / PAYLOAD_LENGTH);
  const packets = Math.ceil(bytes / PAYLOAD_LENGTH);
  const receiver = fork(file, ['receiver', String(packets), String(warmUpPackets)]);
  let sender: ChildProcess | null = null;
  try {
    const { port } = (await message(receiver)) as { port: number };
    sender = fork(file, ['sender', String(port), String(warmUpPackets)]);
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

const PACKET_SIZE = 1452;
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

async function receive(packets: number, warmUpPackets: number): Promise<void> {
  const opener = nodeProvider.opener('aes-128-gcm', KEY, IV, KEY);
  const socket = await boundSocket();
  const acknowledgement = new Uint8Array(5);
  const view = new DataView(acknowledgement.buffer);
  let received = 0;
  let startTime = 0;
  let startCpu: NodeJS.CpuUsage = process.cpuUsage();
  let senderPort = 0;
  let scheduled = false;
  const acknowledge = (): void => {
    scheduled = false;
    socket.send(acknowledgement, senderPort, HOST);
  };
  socket.on('message', (datagram, { port }) => {
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
  process.send?.({ port: socket.address().port });
}

async function send(port: number, warmUpPackets: number): Promise<void> {
  const sealer = nodeProvider.sealer('aes-128-gcm', KEY, IV, KEY);
  const socket = await boundSocket();
  socket.connect(port, HOST);
  await once(socket, 'connect');
  const source = new Uint8Array(1 << 20).fill(0x6d);
  // A slot is free again when its packet was acknowledged, so the kernel has copied it by then.
  const slots = Array.from({ length: WINDOW_PACKETS }, () => Buffer.alloc(PACKET_SIZE));
  let next = 0;
  let acknowledged = 0;
  let startCpu: NodeJS.CpuUsage = process.cpuUsage();
  let done = false;
  let scheduled = false;
  const burst = (): void => {
    scheduled = false;
    for (let i = 0; i < BURST_PACKETS && next - acknowledged < WINDOW_PACKETS; i++) {
      if (next === warmUpPackets) startCpu = process.cpuUsage();
      const packet = slots[next % WINDOW_PACKETS];
      buildPacket(packet, next, source);
      sealer.seal(packet, 0, PACKET_NUMBER_OFFSET, HEADER_LENGTH, PAYLOAD_END, next);
      socket.send(packet);
      next++;
    }
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
  socket.on('message', (datagram) => {
    if (done) return;
    acknowledged = Math.max(acknowledged, datagram.readUInt32BE(0) + 1);
    stall.refresh();
    if (datagram[4] === DONE) {
      done = true;
      clearTimeout(stall);
      process.send?.({ packets: next - warmUpPackets, cpuSeconds: cpuSecondsSince(startCpu) });
    }
    schedule();
  });
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

async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  // The kernel cuts this to its limit silently.
  socket.setRecvBufferSize(4 << 20);
  socket.setSendBufferSize(4 << 20);
  // The parent ends both sides by closing the channel.
  process.once('disconnect', () => process.exit());
  return socket;
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

const HOST = '127.0.0.1';
const KEY = new Uint8Array(16).fill(3);
const IV = new Uint8Array(12).fill(4);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [role, first, second] = process.argv.slice(2);
  if (role === 'receiver') await receive(Number(first), Number(second));
  else if (role === 'sender') await send(Number(first), Number(second));
  else {
    const bytes = Number(role ?? 300) * 1e6;
    for (let run = 0; run < Number(first ?? 3); run++)
      console.log(JSON.stringify(await measureJoinedPath({ bytes })));
  }
}
