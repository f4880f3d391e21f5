/** A measured process: a line with a task in, a line of JSON out. What the lines say is described in peers/end.ts. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export class MeasuredProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #name: string;
  readonly #waiting: Array<(line: string | null) => void> = [];
  readonly #lines: string[] = [];
  #isOver = false;

  constructor(name: string, command: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#name = name;
    const [program, ...args] = command;
    this.#child = spawn(program, args, {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.add(this.#child);
    this.#child.on('error', () => {});
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout })
      .on('line', (line) => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#lines.push(line);
        else next(line);
      })
      .on('close', () => {
        this.#isOver = true;
        for (const next of this.#waiting.splice(0)) next(null);
      });
  }

  /** The next answer. Rejects when the process ends, fails or takes longer than two minutes. */
  async next<T>(): Promise<T> {
    const line = this.#lines.shift() ?? (this.#isOver ? null : await this.#nextLine());
    if (line === null) throw new Error(`${this.#name} ended, or did not answer`);
    const answer = JSON.parse(line) as T & { error?: string };
    if (answer?.error !== undefined) throw new Error(`${this.#name}: ${answer.error}`);
    return answer;
  }

  ask<T>(task: string): Promise<T> {
    this.#child.stdin.write(`${task}\n`);
    return this.next<T>();
  }

  /** CPU seconds so far. */
  async cpu(): Promise<number> {
    return (await this.ask<{ cpu: number }>('cpu')).cpu;
  }

  /** Resident bytes. */
  async memory(): Promise<number> {
    return (await this.ask<{ rss: number }>('memory')).rss;
  }

  /** Ends it by the end of its input, so that it can still write a profile. */
  async stop(): Promise<void> {
    running.delete(this.#child);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_PATIENCE);
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
    clearTimeout(kill);
  }

  async #nextLine(): Promise<string | null> {
    let timer: NodeJS.Timeout | null = null;
    const line = await new Promise<string | null>((resolve) => {
      this.#waiting.push(resolve);
      timer = setTimeout(() => resolve(null), ANSWER_PATIENCE);
    });
    if (timer !== null) clearTimeout(timer);
    return line;
  }
}

const ANSWER_PATIENCE = 120_000;
const STOP_PATIENCE = 5000;
const running = new Set<ChildProcessByStdio<Writable, Readable, null>>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
