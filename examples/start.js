// What the examples share: listeners from the command line, a development certificate, and an end by Ctrl-C.

import { formatGroupAddress, parseListener } from 'quayside/group';
import { developmentCertificate } from 'quayside/pki';

/**
 * Adds the listeners that the command line names, or others, says where they are bound, and shuts down on Ctrl-C.
 *
 * @param {import('quayside/group').ListenGroup} group
 * @param {{ fallback: string[], alpn: Record<string, string> }} options `alpn` by kind, for texts that name none
 */
export async function start(group, { fallback, alpn }) {
  group.addServer('*', await developmentCertificate({ folder: '.quayside' }));
  const texts = process.argv.length > 2 ? process.argv.slice(2) : fallback;
  for (const text of texts) {
    const listener = parseListener(text);
    const protocol = alpn[listener.kind];
    const target = protocol === undefined ? listener : { alpn: protocol, ...listener };
    const address = await group.addListener({ id: text, listener: target });
    console.log(`${listener.kind} ${formatGroupAddress(address)}`);
  }
  console.log('ready');
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => group.shutdown({ drain: 1000 }));
}
