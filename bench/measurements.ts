/** What is measured, the same for every subject: a server and a client process of their own for each measurement. */
import { measureJoinedPath } from './limits/joined-path.ts';
import type { PathName } from './limits/path-socket.ts';
import type { MeasuredProcess } from './process.ts';

export interface Pair {
  readonly server: MeasuredProcess;
  readonly client: MeasuredProcess;
}

/** How much of each measurement is done. */
export interface Amounts {
  readonly bytes: number;
  readonly handshakes: number;
  readonly requests: number;
  readonly datagrams: number;
  readonly connections: readonly [number, number];
  readonly streams: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly isLessBetter: boolean;
}

export interface Measurement {
  readonly name: string;
  /** Words that choose it besides its name. */
  readonly words: readonly string[];
  readonly title: string;
  /** The first one is the main one. */
  readonly figures: readonly Figure[];
  /** It takes long and hardly varies: done in the first so many rounds only. */
  readonly rounds?: number;
  run(pair: Pair, amounts: Amounts): Promise<Readonly<Record<string, number>>>;
  /** The same for a limit of the path. */
  limit?(amounts: Amounts, path: PathName): Promise<Readonly<Record<string, number>>>;
}

const SPEED: Figure = { name: 'speed', unit: 'Mbit/s', isLessBetter: false };
const cpu = (unit: string): Figure[] => [
  { name: 'server', unit: `CPU ${unit}, server`, isLessBetter: true },
  { name: 'client', unit: `CPU ${unit}, client`, isLessBetter: true },
];
const RATE: Figure = { name: 'rate', unit: 'per s', isLessBetter: false };
const LATENCY: Figure[] = [
  { name: 'p50', unit: 'ms, p50', isLessBetter: true },
  { name: 'p99', unit: 'ms, p99', isLessBetter: true },
];

export const MEASUREMENTS: readonly Measurement[] = [
  {
    name: 'download',
    words: ['throughput'],
    title: 'One stream of one connection, server to client',
    figures: [SPEED, ...cpu('s/GB')],
    run: (pair, { bytes }) => transfer(pair, 'download', bytes),
    limit: async ({ bytes }, path) => {
      const { mbps, senderCpuPerGB, receiverCpuPerGB } = await measureJoinedPath({ bytes, path });
      return { speed: mbps, server: senderCpuPerGB, client: receiverCpuPerGB };
    },
  },
  {
    name: 'upload',
    words: ['throughput'],
    title: 'One stream of one connection, client to server',
    figures: [SPEED, ...cpu('s/GB')],
    run: (pair, { bytes }) => transfer(pair, 'upload', bytes),
  },
  {
    name: 'full',
    words: ['handshakes'],
    title: 'Full handshakes, one after the other, each on a new connection',
    figures: [RATE, ...cpu('ms each')],
    run: (pair, { handshakes }) => shakeHands(pair, handshakes, 'full'),
  },
  {
    name: 'resumed',
    words: ['handshakes'],
    title: 'Resumed handshakes',
    figures: [RATE, ...cpu('ms each')],
    run: (pair, { handshakes }) => shakeHands(pair, handshakes, 'resumed'),
  },
  {
    name: 'workers',
    words: ['handshakes'],
    title: 'Full handshakes with worker threads, and what part of them the least busy thread got',
    figures: [RATE, ...cpu('ms each'), { name: 'least', unit: '%, least busy', isLessBetter: false }],
    rounds: 5,
    run: async (pair, { handshakes }) => {
      // Every thread compiles its own code: it takes some thousand handshakes until one is as warm as the other.
      await pair.client.ask(`handshakes ${handshakes * 8} full`);
      const before = await shares(pair);
      const figures = await shakeHands(pair, handshakes * 2, 'full');
      const gained = (await shares(pair)).map((accepted, thread) => accepted - before[thread]);
      const all = gained.reduce((sum, accepted) => sum + accepted, 0);
      return { ...figures, least: (Math.min(...gained) / all) * 100 };
    },
  },
  {
    name: 'requests-1',
    words: ['requests'],
    title: 'Requests of 100 bytes, answered with 100, one at a time on 1 connection',
    figures: [RATE, ...LATENCY, ...cpu('µs each')],
    run: (pair, { requests }) => request(pair, 1, requests),
  },
  {
    name: 'requests-100',
    words: ['requests'],
    title: 'The same on each of 100 connections',
    figures: [RATE, ...LATENCY, ...cpu('µs each')],
    run: (pair, { requests }) => request(pair, 100, requests * 2),
  },
  {
    name: 'datagrams',
    words: [],
    title: 'Datagrams of 1,000 bytes there and back, 64 under way',
    figures: [RATE, ...cpu('µs each')],
    run: async (pair, { datagrams }) => {
      await pair.client.ask(`datagrams ${Math.ceil(datagrams / 4)}`);
      const { seconds, server, client } = await costOf(pair, `datagrams ${datagrams}`);
      return {
        rate: datagrams / seconds,
        server: (server * 1e6) / datagrams,
        client: (client * 1e6) / datagrams,
      };
    },
  },
  {
    name: 'idle-memory',
    words: ['memory'],
    title:
      'Resident memory of the server for each idle connection, of 5,000 and of 1,000 (a tenth of that with --quick)',
    figures: [
      { name: 'many', unit: 'KB, of many', isLessBetter: true },
      { name: 'few', unit: 'KB, of few', isLessBetter: true },
    ],
    rounds: 3,
    run: async ({ server, client }, { connections: [few, many] }) => {
      // As many handshakes come first, so that the heap has the size that they need.
      await client.ask(`handshakes ${few} full`);
      const before = await server.memory();
      await client.ask(`idle ${few}`);
      const between = await server.memory();
      await client.ask(`idle ${many}`);
      const after = await server.memory();
      return { few: (between - before) / few / 1000, many: (after - before) / many / 1000 };
    },
  },
  {
    name: 'open-streams',
    words: ['flat'],
    title: 'A download while 10,000 streams are open beside it',
    figures: [SPEED, ...cpu('s/GB')],
    run: async (pair, { bytes }) => {
      await pair.client.ask('hold 10000');
      return transfer(pair, 'download', bytes);
    },
  },
  {
    name: 'idle-beside',
    words: ['flat'],
    title: 'A download while 5,000 connections are idle beside it',
    figures: [SPEED, ...cpu('s/GB')],
    rounds: 3,
    run: async (pair, { bytes, connections: [, many] }) => {
      await pair.client.ask(`idle ${many}`);
      return transfer(pair, 'download', bytes);
    },
  },
  {
    name: 'ack-ranges',
    words: ['flat'],
    title: 'What recovery costs per packet, with ACKs of one range and of 64',
    figures: [
      { name: 'ranges', unit: 'CPU µs, 64 ranges', isLessBetter: true },
      { name: 'plain', unit: 'CPU µs, 1 range', isLessBetter: true },
    ],
    run: ({ client }) => client.ask('recovery 11'),
  },
  {
    name: 'stream-memory',
    words: ['memory'],
    title: 'What streams that are opened and closed leave in the server, over the second half of them',
    figures: [{ name: 'left', unit: 'bytes a stream', isLessBetter: true }],
    rounds: 1,
    run: async ({ server, client }, { streams }) => {
      await client.ask(`requests 1 ${streams / 2}`);
      const before = await server.memory();
      await client.ask(`requests 1 ${streams / 2}`);
      const after = await server.memory();
      return { left: (after - before) / (streams / 2) };
    },
  },
];

/** What only this library is asked. */
export const OURS_ONLY: ReadonlySet<string> = new Set([
  'workers',
  'ack-ranges',
  'open-streams',
  'idle-beside',
  'stream-memory',
]);

/** After a warm-up of as many bytes that does not count: the code that runs for each packet is compiled by then. */
async function transfer(pair: Pair, kind: 'download' | 'upload', bytes: number) {
  await pair.client.ask(`${kind} ${bytes}`);
  const { seconds, server, client } = await costOf(pair, `${kind} ${bytes}`);
  const gigabytes = bytes / 1e9;
  return { speed: (gigabytes * 8e3) / seconds, server: server / gigabytes, client: client / gigabytes };
}

async function shakeHands(pair: Pair, count: number, kind: 'full' | 'resumed') {
  // What runs once for each connection is compiled after a thousand of them; until then a handshake costs twice as much.
  await pair.client.ask(`handshakes ${count * 3} ${kind}`);
  const { seconds, server, client } = await costOf(pair, `handshakes ${count} ${kind}`);
  return { rate: count / seconds, server: (server * 1000) / count, client: (client * 1000) / count };
}

/** Connections that each worker thread has taken so far. */
async function shares({ server }: Pair): Promise<readonly number[]> {
  return (await server.ask<{ accepted: readonly number[] }>('shares')).accepted;
}

async function request(pair: Pair, connections: number, count: number) {
  await pair.client.ask(`requests ${connections} ${Math.ceil(count / 4)}`);
  const { seconds, server, client, p50, p99 } = await costOf(pair, `requests ${connections} ${count}`);
  return { rate: count / seconds, p50, p99, server: (server * 1e6) / count, client: (client * 1e6) / count };
}

/** What the client answers, and the CPU seconds of both processes meanwhile. */
async function costOf({ server, client }: Pair, task: string) {
  const [serverBefore, clientBefore] = [await server.cpu(), await client.cpu()];
  const answer = await client.ask<{ seconds: number; p50: number; p99: number }>(task);
  return {
    ...answer,
    server: (await server.cpu()) - serverBefore,
    client: (await client.cpu()) - clientBefore,
  };
}
