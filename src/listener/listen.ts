// The short way to a listener: made, given its servers and started in one call, or not at all.

import type { ListenOptions } from './listen-options.ts';
import { QuicListener } from './listener.ts';
import type { AddServerOptions } from './server-options.ts';

/** Makes a listener, adds servers and starts it. */
export async function listen(options: ListenOptions & { servers?: ServersByName }): Promise<QuicListener> {
  const { servers = {}, ...rest } = options;
  const listener = new QuicListener(rest);
  try {
    for (const [name, server] of Object.entries(servers)) await listener.addServer(name, server);
    await listener.start();
  } catch (error) {
    await listener.close();
    throw error;
  }
  return listener;
}

/** Options of servers by their names. */
export type ServersByName = Readonly<Record<string, AddServerOptions>>;
