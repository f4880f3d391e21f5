/** Servers whose certificates must be refused, in whole handshakes: each fault with a code of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import type { QuicError } from '../../src/errors.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { socketAddress } from '../../src/util/address.ts';
import {
  makeTestAuthority,
  makeTestIdentity,
  type TestAuthorityOptions,
  type TestIdentity,
  type TestIdentityOptions,
} from '../support/certificates.ts';
import { echoListener } from '../support/echo-listener.ts';

const DAY = 24 * 60 * 60 * 1000;
/** The wall time of the virtual clock. */
const NOW: number = new VirtualClock().wallTime();

/** A leaf for localhost below an intermediate of this kind. */
function below(options: TestAuthorityOptions, leaf: TestIdentityOptions = {}): TestIdentity {
  return makeTestIdentity({
    ...leaf,
    authority: makeTestAuthority({ parent: makeTestAuthority(), ...options }),
  });
}

const critical = [{ id: '1.3.6.1.4.1.54392.1.2', critical: true, value: Uint8Array.of(5, 0) }];

const FAULTS: readonly [what: string, code: string, make: () => TestIdentity, serverName?: string][] = [
  ['expired', 'EXPIRED', () => makeTestIdentity({ notBefore: new Date(0), notAfter: new Date(NOW - DAY) })],
  ['not yet valid', 'NOT_YET_VALID', () => makeTestIdentity({ notBefore: new Date(NOW + DAY) })],
  ['for another host', 'HOST_MISMATCH', () => makeTestIdentity(), 'example.com'],
  [
    'a wildcard for two labels',
    'HOST_MISMATCH',
    () => makeTestIdentity({ names: ['*.example.com'] }),
    'a.b.example.com',
  ],
  ['of the wrong key usage', 'KEY_USAGE', () => makeTestIdentity({ keyUsage: ['keyEncipherment'] })],
  [
    'of the wrong extended key usage',
    'EXTENDED_KEY_USAGE',
    () => makeTestIdentity({ extendedKeyUsage: ['clientAuth'] }),
  ],
  ['below one with CA:FALSE', 'NOT_A_CA', () => below({ ca: false, keyUsage: ['keyCertSign'] })],
  [
    'deeper than the path length',
    'PATH_LENGTH',
    () => {
      const short = makeTestAuthority({ parent: makeTestAuthority(), pathLength: 0 });
      return makeTestIdentity({ authority: makeTestAuthority({ parent: short }) });
    },
  ],
  [
    'outside of the name constraints',
    'NAME_CONSTRAINTS',
    () => below({ nameConstraints: { permitted: ['example.com'] } }, { names: ['example.org'] }),
    'example.org',
  ],
  [
    'with an unknown critical extension',
    'UNKNOWN_CRITICAL_EXTENSION',
    () => makeTestIdentity({ extensions: critical }),
  ],
  [
    'a self-signed leaf',
    'SELF_SIGNED',
    () => ({ ...makeTestIdentity({ authority: null }), caPem: makeTestIdentity().caPem }),
  ],
  ['signed with SHA-1', 'WEAK_SIGNATURE', () => makeTestIdentity({ digest: 'sha1' })],
];

for (const [what, code, make, serverName = 'localhost'] of FAULTS) {
  test(`C21 a certificate ${what} is refused in the handshake as ERR_QUIC_CERTIFICATE_${code}`, async () => {
    const identity = make();
    const network = new VirtualNetwork({ seed: what, link: { delay: 5 } });
    const { clock } = network;
    clock.schedule(clock.now() + 60_000, () => {});
    const host = network.addHost('client', ['10.0.0.1']);
    const server = network.addHost('server', ['10.0.0.2']);
    const at = socketAddress('10.0.0.2', 443);
    assert.ok(at);
    await echoListener(server, at, { cert: identity.certPem, key: identity.keyPem });
    const options = { alpn: 'test', serverName, ca: identity.caPem };
    const { sockets, random } = host;
    const environment = { clock, sockets, random, provider: nodeProvider };
    const failed = connect('10.0.0.2:443', { ...options, environment }).then(
      () => assert.fail('connected'),
      (error: QuicError) => error.code,
    );
    assert.equal(await clock.until(failed), `ERR_QUIC_CERTIFICATE_${code}`);
  });
}

test('C21 the faults of the list have a code each, and only the two kinds of another host share one', () => {
  const codes = FAULTS.map(([, code]) => code);
  assert.equal(new Set(codes).size, codes.length - 1);
});
