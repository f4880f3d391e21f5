/** quinn, both ways. quinn tells of no Retry and of no key update but its own. */
import { after } from 'node:test';
import { type CaseOptions, clientCases, furtherCases, serverCases } from '../support/interop-cases.ts';
import { cryptoCases } from '../support/interop-crypto.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { ourKeyUpdateCases, theirKeyUpdateCases } from '../support/interop-key-updates.ts';
import { buildPeer } from './peers/build.ts';

const status = await buildPeer('quinn');
const files = new InteropFiles();
files.add('20m', 20_000_000);
files.add('40k', 40_000);
after(() => files.remove());

const options: CaseOptions = {
  kind: 'quinn',
  files,
  skip: status.available ? false : status.reason,
  large: { path: '/20m', name: '20 MB' },
  small: '/40k',
};

clientCases(options);
serverCases(options);
furtherCases(options);
ourKeyUpdateCases(options, false);
theirKeyUpdateCases(options);
cryptoCases(options);
