/** The one error of key agreement: the share that a peer sent, or what randomness made, cannot be used. */

import { type QuicError, quicError } from '../errors.ts';

export function badShare(reason: string, cause?: unknown): QuicError {
  return quicError('ERR_QUIC_CRYPTO_FAIL', { message: `Key agreement failed: ${reason}`, cause });
}
