/** The certificate that all measured peers use, in files of a temporary folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestIdentity } from '../test/support/certificates.ts';

export interface BenchFiles {
  cert: string;
  key: string;
  ca: string;
  remove(): void;
}

export function makeBenchFiles(): BenchFiles {
  const folder = mkdtempSync(join(tmpdir(), 'quayside-bench-'));
  const identity = makeTestIdentity();
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  return {
    cert: file('cert.pem', identity.certPem),
    key: file('key.pem', identity.keyPem),
    ca: file('ca.pem', identity.caPem),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
