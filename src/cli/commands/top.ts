// `quayside top`: the listeners and connections of a running server, live.

import { setTimeout as pause } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { interrupt } from '../interrupt.ts';
import { print } from '../output.ts';
import type { AdminSnapshot } from '../serve/admin.ts';
import { findAdmin, readSnapshot } from '../top/client.ts';
import { Screen } from '../top/screen.ts';
import { renderSnapshot } from '../top/table.ts';
import { parseSeconds, parseWhole } from '../values.ts';

interface TopOptions {
  socket?: string;
  pid?: number;
  interval: number;
  json?: boolean;
}

export function topCommand(): Command {
  return new Command('top')
    .description('show listeners and connections of a running "quayside serve", live; q ends it')
    .option('--socket <path>', 'its admin socket')
    .option('--pid <number>', 'its process (default the only one of this user)', parseWhole(1, 2 ** 31 - 1))
    .addOption(
      new Option('--interval <seconds>', 'time between two looks').argParser(parseSeconds).default(1000, '1'),
    )
    .option('--json', 'print one snapshot in JSON')
    .action(top);
}

async function top(options: TopOptions): Promise<void> {
  const path = await findAdmin(options);
  const snapshot = await readSnapshot(path);
  if (options.json === true) print(JSON.stringify(snapshot, null, 2));
  else if (process.stdout.isTTY !== true) print(renderSnapshot(snapshot, { rows: Infinity, before: null }));
  else await showLive(path, snapshot, options.interval);
}

async function showLive(path: string, first: AdminSnapshot, interval: number): Promise<void> {
  const stop = interrupt();
  const quit = new AbortController();
  const signal = AbortSignal.any([stop.signal, quit.signal]);
  const screen = new Screen(() => quit.abort());
  try {
    let before: AdminSnapshot | null = null;
    for (let now = first; !signal.aborted; now = await readSnapshot(path)) {
      // Head, frames and titles of two tables take nine lines beside the listeners.
      screen.show(renderSnapshot(now, { rows: screen.rows - now.listeners.length - 9, before }));
      before = now;
      await pause(interval, undefined, { signal }).catch(() => {});
    }
  } finally {
    screen.close();
    stop.release();
  }
}
