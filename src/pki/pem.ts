/**
 * PEM (RFC 7468) to DER and back. Knows labels and base64, nothing of what is inside.
 */

/** One block of a PEM text. */
export interface PemBlock {
  /** The label, such as `CERTIFICATE` or `PRIVATE KEY`. */
  readonly label: string;
  /** The decoded bytes. */
  readonly der: Uint8Array;
  /** Whether the block has RFC 1421 headers such as `Proc-Type: 4,ENCRYPTED`. Then `der` is of no use. */
  readonly encrypted: boolean;
}

/** The blocks of a text in their order. Text around them is skipped, as RFC 7468 §2 allows; broken ones are left out. */
export function readPem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const match of text.matchAll(BLOCK)) {
    const [, label, body] = match;
    if (label === undefined || body === undefined) continue;
    const encrypted = /^(?:Proc-Type|DEK-Info)\s*:/m.test(body) || label === 'ENCRYPTED PRIVATE KEY';
    const base64 = body.replace(/\s+/g, '');
    if (!encrypted && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) continue;
    blocks.push({
      label,
      der: encrypted ? new Uint8Array(0) : new Uint8Array(Buffer.from(base64, 'base64')),
      encrypted,
    });
  }
  return blocks;
}

/** Whether the text has the beginning of a PEM block. */
export function looksLikePem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** A PEM block with lines of 64 characters and a newline at its end. */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([\s\S]*?)-----END \1-----/g;
