// The connection to Redis, through the package `redis`, which is installed by who uses it.

import { CliError, ExitCode, oneLine, usageError } from './errors.ts';
import { note, warn } from './output.ts';

export interface OpenRedis {
  sendCommand(command: string[]): Promise<unknown>;
  destroy(): void;
}

/** Does not wait for the connection: without it early data are refused, and servers serve. */
export async function openRedis(url: string): Promise<OpenRedis> {
  const path = /^unix:(\/.+)$/.exec(url)?.[1];
  if (path === undefined && !/^rediss?:\/\/[^/]/.test(url))
    throw usageError(
      `--redis ${oneLine(url)}: allowed are redis://host:port, rediss://host:port and unix:/path`,
    );
  const { createClient } = await loadRedis();
  const client = createClient({
    ...(path === undefined ? { url } : { socket: { path, tls: false } }),
    // An answer that comes late is of no use to a handshake.
    disableOfflineQueue: true,
  });
  let isDown = false;
  client.on('error', (error: Error) => {
    if (!isDown) warn(`Redis: ${oneLine(error.message)}; no 0-RTT is taken until it is back`);
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) note('Redis is back');
    isDown = false;
  });
  client.connect().catch(() => {});
  return client;
}

async function loadRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis');
  } catch (error) {
    throw new CliError('--redis needs the package redis: npm install redis', ExitCode.FAILED, error);
  }
}
