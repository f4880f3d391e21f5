// `quayside dev-cert`: makes, renews and shows the development certificate.

import { join, resolve } from 'node:path';
import { Argument, Command } from 'commander';
import {
  Certificate,
  certificateSha256,
  type DevelopmentCertificate,
  loadIdentity,
  publicKeySha256,
} from '../../pki.ts';
import { DEVELOPMENT_FOLDER, keptCertificate } from '../development-folder.ts';
import { CliError, ExitCode } from '../errors.ts';
import { paint, print, printRows } from '../output.ts';

interface DevCertOptions {
  folder: string;
  json?: boolean;
}

type Shown = Omit<DevelopmentCertificate, 'cert' | 'key'>;

export function devCertCommand(): Command {
  return new Command('dev-cert')
    .description('make, renew or show the development certificate (localhost, 127.0.0.1, ::1; 14 days)')
    .addArgument(
      new Argument(
        '[action]',
        'make: if there is none or it nears its end; renew: in any case; show: as it is',
      )
        .choices(['make', 'renew', 'show'])
        .default('make'),
    )
    .option('--folder <path>', 'where it is kept', DEVELOPMENT_FOLDER)
    .option('--json', 'print JSON')
    .action(devCert);
}

async function devCert(action: 'make' | 'renew' | 'show', options: DevCertOptions): Promise<void> {
  const { folder } = options;
  const shown =
    action === 'show' ? kept(folder) : await keptCertificate({ folder, renew: action === 'renew' });
  if (options.json) printJson(shown);
  else printText(shown);
}

/** The certificate as it lies there, whatever its end. */
function kept(folder: string): Shown {
  const certFile = join(resolve(folder), 'dev-cert.pem');
  const keyFile = join(resolve(folder), 'dev-key.pem');
  try {
    const [der] = loadIdentity({ cert: certFile, key: keyFile }).certificates;
    return {
      certFile,
      keyFile,
      notAfter: new Date(Certificate.parse(der).notAfter),
      certificateSha256: certificateSha256(der),
      spkiSha256: publicKeySha256(der),
      renewed: false,
    };
  } catch (error) {
    const message = `There is no development certificate in --folder ${folder}; make one with "quayside dev-cert make"`;
    throw new CliError(message, ExitCode.FAILED, error);
  }
}

function printText(shown: Shown): void {
  const state = shown.renewed
    ? ' (made now)'
    : shown.notAfter.getTime() < Date.now()
      ? paint('red', ' (expired)')
      : '';
  printRows([
    ['certificate', `${shown.certFile}${state}`],
    ['key', shown.keyFile],
    ['valid until', shown.notAfter.toISOString()],
    ['certificate SHA-256', shown.certificateSha256.hex],
    ['key SHA-256', shown.spkiSha256.base64],
  ]);
  print();
  print('Chrome takes it with:');
  print(`  ${chromeOptions(shown).join(' ')}`);
}

function printJson(shown: Shown): void {
  const { certFile, keyFile, notAfter, renewed } = shown;
  const result = {
    certFile,
    keyFile,
    notAfter: notAfter.toISOString(),
    certificateSha256: shown.certificateSha256.hex,
    keySha256: shown.spkiSha256.base64,
    renewed,
    chrome: chromeOptions(shown),
  };
  print(JSON.stringify(result, null, 2));
}

function chromeOptions(shown: Shown): string[] {
  return [
    '--origin-to-force-quic-on=localhost:4433',
    `--ignore-certificate-errors-spki-list=${shown.spkiSha256.base64}`,
  ];
}
