// `listen`: a listener of this thread, or one over worker threads. Knows which of the two, and nothing else.

import { listen as listenHere } from '../listener/listen.ts';
import type { QuicListener } from '../listener/listener.ts';
import type { WorkerListenOptions } from './options.ts';
import { WorkerListener } from './worker-listener.ts';

/**
 * Makes a listener and starts it: over worker threads with `workers`, each of which gives its connections to the module at
 * `workers.entry`; without, one of this thread.
 */
export function listen(options: WorkerListenOptions): Promise<WorkerListener>;
export function listen(options: Parameters<typeof listenHere>[0]): Promise<QuicListener>;
export async function listen(
  options: WorkerListenOptions | Parameters<typeof listenHere>[0],
): Promise<WorkerListener | QuicListener> {
  if (!('workers' in options) || options.workers === undefined) {
    return listenHere(options as Parameters<typeof listenHere>[0]);
  }
  const listener = new WorkerListener(options);
  await listener.start();
  return listener;
}
