// A terminal that shows a text again and again, and hears of the key q. Everything is as it was afterwards.

export class Screen {
  readonly #onKey: (data: Buffer) => void;
  readonly #isRaw: boolean;

  /** @param onQuit called for q and Ctrl-C, which a raw terminal does not make a signal of */
  constructor(onQuit: () => void) {
    this.#onKey = (data) => {
      const keys = data.toString('latin1');
      if (keys.includes('q') || keys.includes(CTRL_C)) onQuit();
    };
    process.stdout.write(`${ALTERNATE_SCREEN}${HIDE_CURSOR}`);
    const { stdin } = process;
    this.#isRaw = stdin.isTTY === true;
    if (this.#isRaw) {
      stdin.setRawMode(true);
      stdin.on('data', this.#onKey);
      stdin.resume();
    }
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  /** Draws over what was there, so that nothing flickers. */
  show(text: string): void {
    const lines = text.split('\n').slice(0, this.rows);
    process.stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\n')}${CLEAR_BELOW}`);
  }

  close(): void {
    if (this.#isRaw) {
      process.stdin.off('data', this.#onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    process.stdout.write(`${SHOW_CURSOR}${MAIN_SCREEN}`);
  }
}

const CTRL_C = '\x03';
const ALTERNATE_SCREEN = '\x1b[?1049h';
const MAIN_SCREEN = '\x1b[?1049l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
