// From whatever was thrown while a connection worked to the way it closes: the peer's fault, or ours.

import {
  CRYPTO_ERROR_BASE,
  type QuicError,
  quicError,
  TransportError,
  TransportErrorCode,
} from '../errors.ts';
import { Truncated } from '../wire/reader.ts';
import type { CloseReason } from './closer.ts';

export interface Failure {
  cause: CloseReason;
  frameType: number;
  error: QuicError;
}

/** `refusal` is why this side refused the peer's certificate, if it did. */
export function failureOf(thrown: unknown, refusal: QuicError | null): Failure {
  if (thrown instanceof TransportError) return peerFault(thrown, refusal);
  if (thrown instanceof Truncated) {
    return peerFault(new TransportError(TransportErrorCode.FRAME_ENCODING_ERROR, 0, 'cut off'), refusal);
  }
  // Not the peer's doing: the connection ends, the process and all others go on.
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const error = quicError('ERR_QUIC_INTERNAL_ERROR', { reason, type: 'transport', cause: thrown });
  return {
    cause: { isApplication: false, errorCode: BigInt(TransportErrorCode.INTERNAL_ERROR), reason: '' },
    frameType: 0,
    error,
  };
}

function peerFault(thrown: TransportError, refusal: QuicError | null): Failure {
  const { code, frameType, reason } = thrown;
  const tls = code >= CRYPTO_ERROR_BASE && code < CRYPTO_ERROR_BASE + 0x100;
  const details = { errorCode: code, reason, type: 'transport', cause: thrown } as const;
  const error = tls
    ? (refusal ??
      quicError('ERR_QUIC_TLS_FAIL', { ...details, message: `The TLS handshake failed: ${thrown.message}` }))
    : quicError('ERR_QUIC_TRANSPORT_ERROR', {
        ...details,
        message: `The peer broke the protocol: ${thrown.message}`,
      });
  return { cause: { isApplication: false, errorCode: BigInt(code), reason }, frameType, error };
}
