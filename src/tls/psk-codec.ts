/**
 * pre_shared_key and psk_key_exchange_modes as values (RFC 8446 §4.2.9, §4.2.11).
 *
 * Owns the layout and the place of the binders, which are the last bytes of a ClientHello. Computes none.
 */

import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Alert, TlsAlert } from './alerts.ts';
import { decodeAll } from './extension-codecs.ts';
import { Extension, writeExtension } from './extensions.ts';

export interface PskIdentity {
  readonly identity: Uint8Array;
  /** Milliseconds since the ticket arrived plus its age_add, modulo 2^32; 0 for an external key. */
  readonly obfuscatedAge: number;
}

/** What a ClientHello offers; each identity has the binder of the same index. */
export interface OfferedPsks {
  readonly identities: readonly PskIdentity[];
  readonly binders: readonly Uint8Array[];
  /** Bytes of the list of binders with its length: what a binder is not computed over. */
  readonly bindersLength: number;
}

/** Bytes that {@link writeOfferedPsks} needs at most, and those of its binders. */
export function offeredPsksLength(
  identities: readonly PskIdentity[],
  binderLengths: readonly number[],
): { readonly total: number; readonly binders: number } {
  const binders = binderLengths.reduce((sum, length) => sum + 1 + length, 2);
  return {
    total: identities.reduce((sum, { identity }) => sum + 6 + identity.length, 6) + binders,
    binders,
  };
}

/** Writes the extension with zeros for the binders, which are put in when the rest stands. */
export function writeOfferedPsks(
  writer: Writer,
  identities: readonly PskIdentity[],
  binderLengths: readonly number[],
): void {
  writeExtension(writer, Extension.PRE_SHARED_KEY, (w) => {
    const list = w.openVector(2);
    for (const { identity, obfuscatedAge } of identities) {
      const entry = w.openVector(2);
      w.copy(identity);
      w.closeVector(entry, 2);
      w.u32(obfuscatedAge);
    }
    w.closeVector(list, 2);
    const binders = w.openVector(2);
    for (const length of binderLengths) {
      w.u8(length);
      w.fill(0, length);
    }
    w.closeVector(binders, 2);
  });
}

/** Views of the body. Throws `TlsAlert` illegal_parameter if identities and binders differ in number. */
export function decodeOfferedPsks(body: Uint8Array): OfferedPsks {
  return decodeAll(body, (outer) => {
    const identityReader = new Reader(outer.vector16());
    const bindersStart = outer.offset;
    const binderReader = new Reader(outer.vector16());
    const identities: PskIdentity[] = [];
    while (identityReader.remaining > 0) {
      const identity = identityReader.vector16();
      if (identity.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'a PSK identity is empty');
      identities.push({ identity, obfuscatedAge: identityReader.u32() });
    }
    const binders: Uint8Array[] = [];
    while (binderReader.remaining > 0) {
      const binder = binderReader.vector8();
      if (binder.length < MIN_BINDER) throw new TlsAlert(Alert.DECODE_ERROR, 'a binder is too short');
      binders.push(binder);
    }
    if (identities.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'pre_shared_key offers nothing');
    if (binders.length !== identities.length) {
      throw new TlsAlert(Alert.ILLEGAL_PARAMETER, 'there is not one binder for each PSK identity');
    }
    return { identities, binders, bindersLength: body.length - bindersStart };
  });
}

/** Says how we would use a PSK, and that tickets are welcome. */
export function writePskModes(writer: Writer, modes: readonly number[]): void {
  writeExtension(writer, Extension.PSK_KEY_EXCHANGE_MODES, (w) => {
    w.u8(modes.length);
    for (const mode of modes) w.u8(mode);
  });
}

export function decodePskModes(body: Uint8Array): number[] {
  return decodeAll(body, (reader) => {
    const modes = reader.vector8();
    if (modes.length === 0) throw new TlsAlert(Alert.DECODE_ERROR, 'psk_key_exchange_modes is empty');
    return [...modes];
  });
}

/** PskKeyExchangeMode. */
export const PskMode = {
  /** Without (EC)DHE: whoever learns the key later can read everything. */
  PSK_KE: 0,
  PSK_DHE_KE: 1,
} as const;

const MIN_BINDER = 32;
