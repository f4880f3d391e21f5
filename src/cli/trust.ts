// Which certificates of servers are believed: options that all clients of the command line share. There is no option that
// believes everybody.

import tls from 'node:tls';
import type { Command } from 'commander';
import type { ConnectOptions } from '../index.ts';
import { parseList, parsePins } from './values.ts';

export interface TrustOptions {
  ca?: string[];
  pin?: string[];
}

export function addTrustOptions(command: Command): Command {
  return command
    .option(
      '--ca <file>',
      "certificates of authorities to trust instead of the system's, PEM or DER; repeatable",
      parseList,
    )
    .option(
      '--pin <hash>',
      'SHA-256 of the certificate or key that the server must have; repeatable',
      parsePins,
    );
}

/** The part of the options of `connect` that says it. */
export function trust(options: TrustOptions): Pick<ConnectOptions, 'ca' | 'pins'> {
  if (options.pin !== undefined) return { pins: options.pin };
  if (options.ca !== undefined) return { ca: options.ca };
  return { ca: 'getCACertificates' in tls ? ['default', 'system'] : ['default'] };
}
