// Ctrl-C and SIGTERM as an AbortSignal. A second one, a moment later, ends the process at once.

import { CliError, ExitCode } from './errors.ts';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Stops listening to the system's signals. */
  release(): void;
}

/** The signal's reason is a CliError with the exit code of an interrupted program. */
export function interrupt(): Interrupt {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    if (controller.signal.aborted) {
      if (performance.now() - first > SAME_INTERRUPT) process.exit(ExitCode.INTERRUPTED);
      return;
    }
    first = performance.now();
    controller.abort(new CliError('interrupted', ExitCode.INTERRUPTED));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Milliseconds in which one Ctrl-C may come twice: from the terminal, and handed on by whoever started the process. */
const SAME_INTERRUPT = 500;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
