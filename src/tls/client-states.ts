/**
 * The states of the client side of a handshake (RFC 8446 Appendix A.1), with the pauses for answers from outside.
 */

import { HandshakeType } from './messages.ts';
import type { StateTable } from './state-machine.ts';

export type ClientState =
  | 'start'
  | 'wait-server-hello'
  /** After a HelloRetryRequest; there is no second one. */
  | 'wait-retried-server-hello'
  | 'wait-encrypted-extensions'
  | 'wait-certificate-or-request'
  | 'wait-certificate'
  | 'wait-certificate-verify'
  | 'verifying'
  | 'wait-finished'
  | 'signing'
  | 'connected';

export const CLIENT_STATES: StateTable<ClientState> = {
  start: { messages: [], next: ['wait-server-hello'] },
  'wait-server-hello': {
    messages: [HandshakeType.SERVER_HELLO],
    next: ['wait-retried-server-hello', 'wait-encrypted-extensions'],
  },
  'wait-retried-server-hello': {
    messages: [HandshakeType.SERVER_HELLO],
    next: ['wait-encrypted-extensions'],
  },
  'wait-encrypted-extensions': {
    messages: [HandshakeType.ENCRYPTED_EXTENSIONS],
    next: ['wait-certificate-or-request', 'wait-finished'],
  },
  'wait-certificate-or-request': {
    messages: [
      HandshakeType.CERTIFICATE_REQUEST,
      HandshakeType.CERTIFICATE,
      HandshakeType.COMPRESSED_CERTIFICATE,
    ],
    next: ['wait-certificate', 'wait-certificate-verify'],
  },
  'wait-certificate': {
    messages: [HandshakeType.CERTIFICATE, HandshakeType.COMPRESSED_CERTIFICATE],
    next: ['wait-certificate-verify'],
  },
  'wait-certificate-verify': {
    messages: [HandshakeType.CERTIFICATE_VERIFY],
    next: ['verifying', 'wait-finished'],
  },
  verifying: { messages: [], next: ['wait-finished'], waitsFor: 'verification' },
  'wait-finished': { messages: [HandshakeType.FINISHED], next: ['signing', 'connected'] },
  signing: { messages: [], next: ['connected'], waitsFor: 'signature' },
  // KeyUpdate and a CertificateRequest after the handshake are forbidden in QUIC (RFC 9001 §4.4, §6).
  connected: { messages: [HandshakeType.NEW_SESSION_TICKET], next: [] },
};
