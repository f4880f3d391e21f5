/**
 * GeneralName (RFC 5280 §4.2.1.6) as it stands in subjectAltName and in name constraints: kind and raw value.
 */
import { DerError, type DerReader, derAscii } from './der.ts';

/** One name. IP addresses stay bytes (4 or 16; twice that in constraints), directory names stay the DER of the Name. */
export type GeneralName =
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'ip'; readonly value: Uint8Array }
  | { readonly kind: 'directory'; readonly value: Uint8Array }
  | { readonly kind: 'email'; readonly value: string }
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'other'; readonly value: Uint8Array };

/** Reads the next name of a sequence. Throws `DerError`. */
export function readGeneralName(reader: DerReader): GeneralName {
  switch (reader.tag) {
    case 0x81:
      return { kind: 'email', value: derAscii(reader.value()) };
    case 0x82:
      return { kind: 'dns', value: derAscii(reader.value()) };
    case 0xa4:
      return { kind: 'directory', value: reader.enter(0xa4).element(0x30) };
    case 0x86:
      return { kind: 'uri', value: derAscii(reader.value()) };
    case 0x87:
      return { kind: 'ip', value: reader.value() };
    case 0xa0: // otherName
    case 0xa3: // x400Address
    case 0xa5: // ediPartyName
    case 0x88: // registeredID
      return { kind: 'other', value: reader.element() };
    default:
      throw new DerError('a general name of an unknown kind');
  }
}
