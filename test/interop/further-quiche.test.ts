/** quiche, both ways: what `quiche.test.ts` leaves to the long list of interop tests. quiche takes no
 * Ed25519 and starts no key updates. */
import { after } from 'node:test';
import { type CaseOptions, clientCases, furtherCases, serverCases } from '../support/interop-cases.ts';
import { cryptoCases } from '../support/interop-crypto.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { ourKeyUpdateCases } from '../support/interop-key-updates.ts';
import { buildPeer } from './peers/build.ts';

const status = await buildPeer('quiche');
const files = new InteropFiles();
files.add('20m', 20_000_000);
files.add('40k', 40_000);
after(() => files.remove());

const options: CaseOptions = {
  kind: 'quiche',
  files,
  skip: status.available ? false : status.reason,
  large: { path: '/20m', name: '20 MB' },
  small: '/40k',
};

clientCases(options);
serverCases(options);
furtherCases(options);
ourKeyUpdateCases(options, false);
cryptoCases(options, ['ed25519']);
