// The folder `.quayside` of the current directory, where the development certificate is kept, out of git's sight.

import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type DevelopmentCertificate,
  type DevelopmentCertificateOptions,
  developmentCertificate,
} from '../pki.ts';

export const DEVELOPMENT_FOLDER = '.quayside';

/** The certificate kept there, made or renewed when it must be. `folder` default: `.quayside` here. */
export async function keptCertificate(
  options: Omit<DevelopmentCertificateOptions, 'folder'> & { folder?: string } = {},
): Promise<DevelopmentCertificate> {
  const folder = resolve(options.folder ?? DEVELOPMENT_FOLDER);
  const certificate = await developmentCertificate({ ...options, folder });
  // A key must not be committed by accident, whatever the project around ignores.
  await writeFile(join(folder, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => {});
  return certificate;
}
