// A bar on stderr while a download takes long; nothing where nobody watches. HTTP/0.9 does not say how long a file is, so
// the bar shows how many files are done, or just that something moves.

import type { SingleBar } from 'cli-progress';
import { formatBytes, formatRate } from './output.ts';

export class Progress {
  readonly #started: number = performance.now();
  readonly #files: number;
  readonly #timer: NodeJS.Timeout | null = null;
  #bar: SingleBar | null = null;
  #isStopped = false;
  #done = 0;
  #bytes = 0;

  /** `quiet` never shows it. */
  constructor(files: number, quiet: boolean) {
    this.#files = files;
    if (quiet || process.stderr.isTTY !== true) return;
    this.#timer = setTimeout(() => void this.#show(), SHOW_AFTER);
    this.#timer.unref();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get elapsed(): number {
    return performance.now() - this.#started;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#bar?.update(this.#done);
  }

  fileDone(): void {
    this.#done++;
    this.#bar?.update(this.#done);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#bar?.stop();
    this.#bar = null;
  }

  async #show(): Promise<void> {
    // Loaded when it is needed: most downloads are over before.
    const { default: cliProgress } = await import('cli-progress');
    if (this.#isStopped) return;
    this.#bar = new cliProgress.SingleBar({
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      fps: 10,
      gracefulExit: false,
      format: () => this.#text(),
    });
    this.#bar.start(this.#files, this.#done);
  }

  #text(): string {
    const { elapsed } = this;
    const files = this.#files > 1 ? `${this.#done}/${this.#files} files  ` : '';
    return `${this.#drawing(elapsed)} ${files}${formatBytes(this.#bytes)}  ${formatRate(this.#bytes, elapsed)}`;
  }

  #drawing(elapsed: number): string {
    if (this.#files > 1) {
      const filled = Math.round((WIDTH * this.#done) / this.#files);
      return `[${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}]`;
    }
    const span = WIDTH - RUNNER.length;
    const step = Math.floor(elapsed / 100) % (2 * span);
    const at = step <= span ? step : 2 * span - step;
    return `[${' '.repeat(at)}${RUNNER}${' '.repeat(span - at)}]`;
  }
}

/** Milliseconds. */
const SHOW_AFTER = 500;
const WIDTH = 30;
const RUNNER = '<=>';
