// Options that all servers of the command line share.

import type { Command } from 'commander';
import { parseAddresses, parseList, parsePort } from './values.ts';

export interface ServerOptions {
  port?: number;
  address?: string[];
  cert?: string[];
  key?: string;
  retry?: boolean;
}

export function addServerOptions(command: Command): Command {
  return command
    .option('-p, --port <number>', 'UDP port, 0 for any free one (default 4433)', parsePort)
    .option(
      '-a, --address <ip>',
      'IP address to listen on, repeatable; 0.0.0.0 or :: for all (default 127.0.0.1 and ::1)',
      parseAddresses,
    )
    .option('--cert <file>', 'certificate chain, PEM or DER (default a development certificate)', parseList)
    .option('--key <file>', 'private key of the certificate, PEM or DER')
    .option('--retry', 'make clients prove their address with a Retry first');
}
