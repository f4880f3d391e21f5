/**
 * The object identifiers and bits that certificates use here, one table each (RFC 5280 §4.2, RFC 5480, RFC 8410).
 */

/** Extensions that path validation or certificate making looks at. */
export const ExtensionId = {
  SUBJECT_KEY_IDENTIFIER: '2.5.29.14',
  KEY_USAGE: '2.5.29.15',
  SUBJECT_ALTERNATIVE_NAME: '2.5.29.17',
  BASIC_CONSTRAINTS: '2.5.29.19',
  NAME_CONSTRAINTS: '2.5.29.30',
  CERTIFICATE_POLICIES: '2.5.29.32',
  AUTHORITY_KEY_IDENTIFIER: '2.5.29.35',
  EXTENDED_KEY_USAGE: '2.5.29.37',
} as const;

/** Names of the bits of keyUsage, RFC 5280 §4.2.1.3. */
export type KeyUsageName =
  | 'digitalSignature'
  | 'nonRepudiation'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** Bit n of the BIT STRING as the number 2^n, RFC 5280 §4.2.1.3. */
export const KeyUsageBit: Readonly<Record<KeyUsageName, number>> = {
  digitalSignature: 1,
  nonRepudiation: 2,
  keyEncipherment: 4,
  dataEncipherment: 8,
  keyAgreement: 16,
  keyCertSign: 32,
  cRLSign: 64,
  encipherOnly: 128,
  decipherOnly: 256,
};

/** Extended key usages by name, RFC 5280 §4.2.1.12. */
export const PURPOSES: Readonly<Record<string, string>> = {
  anyExtendedKeyUsage: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};
