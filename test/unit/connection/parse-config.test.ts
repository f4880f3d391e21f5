import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CoreConfig, type CoreOptions } from '../../../src/connection/parse-config.ts';
import { quic } from '../../support/api-link.ts';

const parse = (options: Partial<CoreOptions> = {}) => new CoreConfig({ alpn: ['test'], ...options });

describe('CoreConfig', () => {
  test('defaults are those of quiche, but for verification', () => {
    const { transport, grease, version, maxAmplificationFactor, ...config } = parse();
    assert.deepEqual([version, grease, maxAmplificationFactor], [1, true, 3]);
    assert.equal(config.verifyPeer ?? true, true);
    const {
      maxIdleTimeout,
      maxRecvUdpPayloadSize,
      maxSendUdpPayloadSize,
      initialMaxData,
      initialMaxStreamDataBidiLocal,
      initialMaxStreamDataBidiRemote,
      initialMaxStreamDataUni,
      initialMaxStreamsBidi,
      initialMaxStreamsUni,
    } = transport;
    assert.deepEqual([maxIdleTimeout, maxRecvUdpPayloadSize, maxSendUdpPayloadSize], [0, 65527, 1200]);
    const windows = [initialMaxStreamDataBidiLocal, initialMaxStreamDataBidiRemote, initialMaxStreamDataUni];
    assert.deepEqual(
      [initialMaxData, ...windows, initialMaxStreamsBidi, initialMaxStreamsUni],
      [0, 0, 0, 0, 0, 0],
    );
    assert.deepEqual([transport.ackDelayExponent, transport.maxAckDelay], [3, 25]);
    assert.deepEqual([transport.activeConnectionIdLimit, transport.disableActiveMigration], [2, false]);
    assert.deepEqual([transport.congestionControl, transport.initialWindowPackets], ['cubic', 10]);
    assert.deepEqual([transport.maxConnectionWindow, transport.maxStreamWindow], [24 << 20, 16 << 20]);
    assert.deepEqual([transport.pacing, transport.hystart, transport.ecn], [true, true, false]);
    assert.equal(transport.ackFrequency, true);
    assert.equal(parse({ hystart: false }).transport.hystart, false);
    assert.equal(parse({ ecn: true }).transport.ecn, true);
  });

  test('values that quiche brings into range are brought into range', () => {
    const { transport } = parse({
      maxSendUdpPayloadSize: 500,
      ackDelayExponent: 50,
      activeConnectionIdLimit: 1,
    });
    assert.equal(transport.maxSendUdpPayloadSize, 1200);
    assert.equal(transport.ackDelayExponent, 20);
    assert.equal(transport.activeConnectionIdLimit, 2);
  });

  test('C81 an unknown congestion controller is refused by its name', () => {
    assert.throws(
      () => parse({ congestionControl: 'vegas' }),
      quic('ERR_QUIC_CONGESTION_CONTROL', { number: -14 }),
    );
    assert.equal(parse({ congestionControl: 'reno' }).transport.congestionControl, 'reno');
  });

  test('unknown versions are refused, reserved ones are not', () => {
    assert.throws(() => parse({ version: 0x1234 }), quic('ERR_QUIC_UNKNOWN_VERSION', { number: -3 }));
    assert.equal(parse({ version: 0x1a2a_3a4a }).version, 0x1a2a_3a4a);
  });

  test('wrong options are named with what is allowed', () => {
    const wrong = (options: object) => () => new CoreConfig(options as CoreOptions);
    assert.throws(wrong({}), { code: 'ERR_INVALID_ARG_TYPE', message: /alpn/ });
    assert.throws(wrong({ alpn: [''] }), { code: 'ERR_INVALID_ARG_VALUE', message: /1 to 255 bytes/ });
    assert.throws(wrong({ alpn: ['a'], maxIdleTime: 5 }), {
      message: /maxIdleTimeout.*Received 'maxIdleTime'/,
    });
    assert.throws(wrong({ alpn: ['a'], initialMaxData: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(wrong({ alpn: ['a'], initialMaxData: '5' }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(wrong({ alpn: ['a'], pacing: 1 }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(wrong({ alpn: ['a'], ackFrequency: 1 }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(wrong({ alpn: ['a'], ciphers: ['RC4'] }), { message: /TLS_AES_128_GCM_SHA256/ });
    assert.throws(wrong({ alpn: ['a'], groups: ['P-521'] }), { message: /x25519/ });
    assert.throws(wrong({ alpn: ['a'], statelessResetToken: new Uint8Array(15) }), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
    assert.throws(wrong({ alpn: ['a'], identity: { certificates: [], key: {} } }), {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  test('changing the options afterwards changes nothing', () => {
    const alpn = ['test'];
    const config = parse({ alpn });
    alpn.push('other');
    assert.deepEqual(config.alpn, ['test']);
    assert.throws(() => Object.assign(config.transport, { initialMaxData: 5 }), TypeError);
  });
});
