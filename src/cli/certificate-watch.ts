// Certificate files that are replaced while a server runs, as by a renewal: read again when they change, and given on when
// they are good. Until then the last good ones stay.

import { unwatchFile, watchFile } from 'node:fs';
import { describeError } from './errors.ts';
import { note, warn } from './output.ts';
import { type ServerIdentity, serverIdentity } from './server-identity.ts';

export interface CertificateWatch {
  close(): void;
}

/** @param replace gets what was read and checked; what it throws keeps the last good ones, too */
export function watchCertificate(
  options: { cert?: readonly string[]; key?: string },
  replace: (identity: ServerIdentity) => void,
): CertificateWatch {
  const files = [...(options.cert ?? []), ...(options.key === undefined ? [] : [options.key])];
  let timer: NodeJS.Timeout | undefined;
  const reload = async (): Promise<void> => {
    try {
      const identity = await serverIdentity(options);
      replace(identity);
      note(
        `certificate read again, valid until ${identity.notAfter.toISOString()}, SHA-256 ${identity.certificateSha256.hex}`,
      );
    } catch (error) {
      warn(
        `the certificate files changed and cannot be used, the last good ones stay: ${describeError(error)}`,
      );
    }
  };
  const onChange = (): void => {
    // Certificate and key change one after the other.
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), SETTLE_TIME);
    timer.unref();
  };
  // By looking, not by notifications: those miss what is renamed or linked into place, as most renewals do it.
  for (const file of files) watchFile(file, { interval: LOOK_INTERVAL, persistent: false }, onChange);
  return {
    close() {
      clearTimeout(timer);
      for (const file of files) unwatchFile(file, onChange);
    },
  };
}

/** Milliseconds between looks at the files. */
const LOOK_INTERVAL = 500;

/** Milliseconds of rest after a change before the files are read. */
const SETTLE_TIME = 200;
