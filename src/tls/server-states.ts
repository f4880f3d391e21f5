/**
 * The states of the server side of a handshake (RFC 8446 Appendix A.2), with the pauses for answers from outside.
 */

import { HandshakeType } from './messages.ts';
import type { StateTable } from './state-machine.ts';

export type ServerState =
  | 'wait-client-hello'
  | 'choosing-identity'
  | 'choosing-early-data'
  /** After our HelloRetryRequest. */
  | 'wait-second-client-hello'
  | 'signing'
  | 'wait-certificate'
  | 'wait-certificate-verify'
  | 'verifying'
  | 'wait-finished'
  | 'connected';

export const SERVER_STATES: StateTable<ServerState> = {
  'wait-client-hello': { messages: [HandshakeType.CLIENT_HELLO], next: ['choosing-identity'] },
  'choosing-identity': {
    messages: [],
    next: ['choosing-early-data', 'wait-second-client-hello', 'signing', 'wait-finished'],
    waitsFor: 'identity',
  },
  // Only ever with a PSK, which makes a signature needless.
  'choosing-early-data': { messages: [], next: ['wait-finished'], waitsFor: 'early-data' },
  'wait-second-client-hello': {
    messages: [HandshakeType.CLIENT_HELLO],
    next: ['signing', 'wait-finished'],
  },
  signing: { messages: [], next: ['wait-certificate', 'wait-finished'], waitsFor: 'signature' },
  'wait-certificate': {
    messages: [HandshakeType.CERTIFICATE, HandshakeType.COMPRESSED_CERTIFICATE],
    next: ['wait-certificate-verify', 'wait-finished'],
  },
  'wait-certificate-verify': { messages: [HandshakeType.CERTIFICATE_VERIFY], next: ['verifying'] },
  verifying: { messages: [], next: ['wait-finished'], waitsFor: 'verification' },
  'wait-finished': { messages: [HandshakeType.FINISHED], next: ['connected'] },
  // There is no EndOfEarlyData and no KeyUpdate in QUIC (RFC 9001 §6, §8.3), so a client has nothing more to say.
  connected: { messages: [], next: [] },
};
