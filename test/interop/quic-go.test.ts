/** quic-go, both ways. quic-go starts a key update every 100 packets. */
import { after } from 'node:test';
import { type CaseOptions, clientCases, furtherCases, serverCases } from '../support/interop-cases.ts';
import { cryptoCases } from '../support/interop-crypto.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { ourKeyUpdateCases, theirKeyUpdateCases } from '../support/interop-key-updates.ts';
import { buildPeer } from './peers/build.ts';

const status = await buildPeer('quic-go');
const files = new InteropFiles();
files.add('20m', 20_000_000);
files.add('40k', 40_000);
after(() => files.remove());

const options: CaseOptions = {
  kind: 'quic-go',
  files,
  skip: status.available ? false : status.reason,
  large: { path: '/20m', name: '20 MB' },
  small: '/40k',
};

clientCases(options);
serverCases(options);
furtherCases(options);
ourKeyUpdateCases(options, true);
theirKeyUpdateCases(options);
cryptoCases(options);
