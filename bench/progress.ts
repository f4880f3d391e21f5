/** What the bench shows while it works, on standard error: a bar on a terminal, else a line for each measurement of a round. */
import cliProgress, { type SingleBar } from 'cli-progress';

export class ProgressBar {
  readonly #started: number = performance.now();
  readonly #bar: SingleBar | null = null;
  #last = '';

  constructor() {
    if (process.stderr.isTTY !== true) return;
    this.#bar = new cliProgress.SingleBar({
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      etaBuffer: 50,
      format: '{bar} {value}/{total}  {eta_formatted} left  {what}',
    });
  }

  start(total: number): void {
    this.#bar?.start(total, 0, { what: '' });
  }

  /** A line before the work. */
  say(what: string): void {
    if (this.#bar === null) return;
    process.stderr.write(`\r\x1b[K${what}`);
  }

  /** The next piece of work begins. */
  step(what: string): void {
    const [part] = what.split(',');
    if (this.#bar !== null) {
      this.#bar.increment(this.#last === '' ? 0 : 1, { what });
    } else if (part !== this.#last) {
      process.stderr.write(`${part}, after ${((performance.now() - this.#started) / 1000).toFixed(0)} s\n`);
    }
    this.#last = part;
  }

  stop(): void {
    this.#bar?.stop();
  }
}
