// Calls the application with a connection. What it throws, or rejects with, ends that connection and nothing else.

import type { QuicConnection } from '../runtime/connection.ts';
import { settle } from '../runtime/deferred.ts';
import type { ConnectionHandler } from './server-options.ts';

/** A handler that fails is told of on the process's warnings. */
export function runHandler(
  handler: ConnectionHandler,
  connection: QuicConnection,
  originalDestinationId: Uint8Array,
): void {
  settle(
    () => handler(connection, { originalDestinationId }),
    () => {},
    (thrown) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      process.emitWarning(`The handler of a connection failed: ${error.message}`);
      connection.destroy(error);
    },
  );
}
