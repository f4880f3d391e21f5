/** quiche, both ways, with small transfers: a part of `npm test`. */
import { after } from 'node:test';
import { type CaseOptions, clientCases, serverCases } from '../support/interop-cases.ts';
import { InteropFiles } from '../support/interop-files.ts';
import { buildPeer } from './peers/build.ts';

const status = await buildPeer('quiche');
const files = new InteropFiles();
files.add('2m', 2_000_000);
files.add('4k', 4000);
after(() => files.remove());

const options: CaseOptions = {
  kind: 'quiche',
  files,
  skip: status.available ? false : status.reason,
  large: { path: '/2m', name: '2 MB' },
  small: '/4k',
};

clientCases(options);
serverCases(options);
