// DNS messages on a stream: two bytes of length before each (RFC 1035 §4.2.2), the same on TCP, TLS and QUIC.

/** A stream ended, or failed, in the midst of a message. */
export class Incomplete extends Error {}

/**
 * The messages that come on a stream, until it ends. Throws Incomplete.
 *
 * @param {AsyncIterable<Uint8Array>} stream
 */
export async function* messagesOf(stream) {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      yield rest.subarray(2, end);
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Incomplete('The stream ended in the midst of a message');
}

/** A message with its length. @param {Buffer} message */
export function framed(message) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
