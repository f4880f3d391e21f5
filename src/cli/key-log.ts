// SSLKEYLOGFILE: the secrets of connections in NSS format, for Wireshark. A file that cannot be written is one warning.

import { appendFileSync } from 'node:fs';
import { oneLine } from './errors.ts';
import { warn } from './output.ts';

/** What to give as `onKeyLog`; nothing if the variable is not set. */
export function keyLogOption(): { onKeyLog?: (line: string) => void } {
  const file = process.env.SSLKEYLOGFILE;
  if (file === undefined || file === '') return {};
  let failed = false;
  const onKeyLog = (line: string) => {
    if (failed) return;
    try {
      // Whoever reads this file reads the connections.
      appendFileSync(file, `${line}\n`, { mode: 0o600 });
    } catch (error) {
      failed = true;
      warn(`SSLKEYLOGFILE: nothing is logged to ${oneLine(file)}: ${oneLine((error as Error).message)}`);
    }
  };
  return { onKeyLog };
}
