/**
 * One end of a measurement, as every program in this folder plays it (the ones in Rust and Go too). It is started as
 * `server CERT KEY [variant]` or `client PORT CA [variant]`, reads tasks from standard input, one a line, and answers each
 * with one line of JSON. Its first line is `{"port":N}` or `{"ready":true}`. It ends when its input ends.
 *
 *   cpu                            { cpu }: seconds of the process so far, user and system, all threads
 *   memory                         { rss }: bytes resident after a collection
 *   download N, upload N           { seconds }: one stream of one connection, which is made by the first task
 *   handshakes N full|resumed      { seconds }: one after the other, each on a new connection that is closed at once
 *   hold N                         { seconds }: opens N streams of that connection which stay open
 *   idle N                         { seconds }: makes connections until N are kept open
 *   requests CONNECTIONS N         { seconds, p50, p99 }: N streams of 100 bytes each way, one at a time on each
 *                                  connection; percentiles in ms
 *   datagrams N                    { seconds }: N datagrams of 1,000 bytes sent and echoed, 64 under way
 *   … and what a program adds
 *
 * A stream begins with 8 bytes, the number of bytes that the server is to send back once all of the stream came; a datagram
 * is sent back as it is.
 */
import { createHistogram } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

export interface BenchConnection {
  /** One stream: `up` bytes there (8 or more), then `down` bytes back. */
  exchange(up: number, down: number): Promise<void>;
  /** Opens streams that stay open, until there are `count`, with one byte sent on each. */
  hold?(count: number): Promise<void>;
  sendDatagram?(bytes: Uint8Array): void;
  /** Called with each datagram that comes. */
  onDatagram?: () => void;
  close(): Promise<void>;
}

export interface ClientEnd {
  /** A connection whose handshake is complete; with the session of `prepareResumption` if `resumed`. */
  open(resumed: boolean): Promise<BenchConnection>;
  /** Gets a session to resume. */
  prepareResumption?(): Promise<void>;
  /** Tasks beyond those of all programs, by name, with the numbers that follow it. */
  readonly tasks?: Readonly<Record<string, (...amounts: number[]) => Promise<object>>>;
}

export interface ServerFiles {
  readonly cert: string;
  readonly key: string;
}

export interface ServerEnd {
  readonly port: number;
  /** Tasks beyond those of all programs, by name. */
  readonly tasks?: Readonly<Record<string, () => object>>;
}

export interface BenchProgram {
  serve(files: ServerFiles, variant: string): Promise<ServerEnd>;
  connect(port: number, ca: string, variant: string): ClientEnd | Promise<ClientEnd>;
}

export const BLOCK: Uint8Array = new Uint8Array(256 * 1024).fill(0x5a);
const SMALL = 100;
const DATAGRAM_WINDOW = 64;
const DATAGRAM_LENGTH = 1000;
/** Silence after which what is under way counts as lost, ms. */
const DATAGRAM_STALL = 100;

/** Plays the end that the command line says. */
export async function play(program: BenchProgram): Promise<void> {
  const [role, first, second, variant = ''] = process.argv.slice(2);
  if (role === 'server') {
    const { port, tasks = {} } = await program.serve({ cert: first, key: second }, variant);
    const own = Object.entries(tasks).map(([name, task]): [string, Task] => [name, async () => task()]);
    obey(Object.fromEntries(own), { port });
  } else {
    const client = await program.connect(Number(first), second, variant);
    obey(clientTasks(client), { ready: true });
  }
}

/** The 8 bytes that a stream begins with. */
export function head(down: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(down));
  return bytes;
}

/** Reads the head out of the pieces of a stream. */
export class HeadReader {
  readonly #bytes: Uint8Array = new Uint8Array(8);
  #got = 0;

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length && this.#got < 8; i++) this.#bytes[this.#got++] = chunk[i];
  }

  get down(): number {
    if (this.#got < 8) throw new Error('a stream without its head');
    return Number(new DataView(this.#bytes.buffer).getBigUint64(0));
  }
}

/** The pieces of `bytes` bytes of payload. */
export function* blocks(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= BLOCK.length)
    yield left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
}

/** Throws unless a transfer brought what it should. */
export function mustBe(received: number, wanted: number): void {
  if (received !== wanted) throw new Error(`received ${received} bytes instead of ${wanted}`);
}

type Task = (...words: string[]) => Promise<object>;

function clientTasks(client: ClientEnd): Record<string, Task> {
  const kept: BenchConnection[] = [];
  const keep = async (count: number): Promise<void> => {
    while (kept.length < count) kept.push(await client.open(false));
  };
  const first = async (): Promise<BenchConnection> => {
    await keep(1);
    return kept[0];
  };
  const own = Object.entries(client.tasks ?? {}).map(([name, task]): [string, Task] => [
    name,
    (...words) => task(...words.map(Number)),
  ]);
  return {
    ...Object.fromEntries(own),
    download: async (bytes) => {
      const connection = await first();
      return timed(() => connection.exchange(8, Number(bytes)));
    },
    upload: async (bytes) => {
      const connection = await first();
      return timed(() => connection.exchange(Number(bytes), 1));
    },
    handshakes: async (count, kind) => {
      const resumed = kind === 'resumed';
      if (resumed) await client.prepareResumption?.();
      return timed(async () => {
        for (let i = 0; i < Number(count); i++) await (await client.open(resumed)).close();
      });
    },
    hold: async (count) => {
      const connection = await first();
      return timed(async () => connection.hold?.(Number(count)));
    },
    idle: (count) => timed(() => keep(Number(count))),
    requests: async (connections, count) => {
      await keep(Number(connections));
      const histogram = createHistogram();
      let left = Number(count);
      const { seconds } = await timed(async () => {
        const ask = async (connection: BenchConnection): Promise<void> => {
          while (left-- > 0) {
            const start = process.hrtime.bigint();
            await connection.exchange(SMALL, SMALL);
            histogram.record(process.hrtime.bigint() - start);
          }
        };
        await Promise.all(kept.slice(0, Number(connections)).map(ask));
      });
      return { seconds, p50: histogram.percentile(50) / 1e6, p99: histogram.percentile(99) / 1e6 };
    },
    datagrams: async (count) => {
      const connection = await first();
      return timed(() => echoDatagrams(connection, Number(count)));
    },
  };
}

/** Keeps a window of datagrams under way until `count` came back; what is lost is made up for when nothing comes. */
function echoDatagrams(connection: BenchConnection, count: number): Promise<void> {
  const bytes = new Uint8Array(DATAGRAM_LENGTH);
  let underWay = 0;
  let echoed = 0;
  const fill = (): void => {
    for (; underWay < DATAGRAM_WINDOW && echoed + underWay < count; underWay++)
      connection.sendDatagram?.(bytes);
  };
  return new Promise((resolve) => {
    const stall = setInterval(() => {
      underWay = 0;
      fill();
    }, DATAGRAM_STALL);
    connection.onDatagram = () => {
      underWay = Math.max(0, underWay - 1);
      stall.refresh();
      if (++echoed < count) return fill();
      clearInterval(stall);
      resolve();
    };
    fill();
  });
}

function obey(tasks: Readonly<Record<string, Task>>, greeting: object): void {
  const all: Record<string, Task> = {
    cpu: async () => ({ cpu: cpuSeconds() }),
    memory: async () => ({ rss: resident() }),
    ...tasks,
  };
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const [name, ...words] = line.split(' ');
      try {
        answer(await all[name](...words));
      } catch (error) {
        answer({ error: `${line}: ${(error as Error).stack}` });
      }
    })
    .on('close', () => process.exit(0));
  answer(greeting);
}

function answer(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function resident(): number {
  const { gc } = globalThis as { gc?: (options: object) => void };
  // This collection also gives empty pages back to the system.
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  return process.memoryUsage().rss;
}

async function timed(work: () => Promise<unknown>): Promise<{ seconds: number }> {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000 };
}
