/**
 * Everything a peer can make the TLS engine store or work through, with its limit.
 *
 * A peer that goes over one of these gets an alert; nothing here is configurable from the wire.
 */

/** Bytes that may wait for an answer from outside (identity, verification, signature), per engine. */
export const MAX_BUFFERED_BYTES = 65_536;

/** ClientHello: room for post-quantum shares, an encrypted inner hello and a long ticket. */
export const MAX_CLIENT_HELLO_BYTES = 16_384;

/** ServerHello, HelloRetryRequest: a share and a cookie. */
export const MAX_SERVER_HELLO_BYTES = 8_192;

/** EncryptedExtensions and CertificateRequest: the latter may list many certificate authorities. */
export const MAX_PARAMETERS_BYTES = 32_768;

/** Certificate: about nine certificates with large RSA keys, or a few post-quantum ones. */
export const MAX_CERTIFICATE_MESSAGE_BYTES = 65_536;

/** Certificates in one chain, the leaf included. */
export const MAX_CERTIFICATE_CHAIN = 16;

/** CertificateVerify: the largest signature in use is far below this. */
export const MAX_CERTIFICATE_VERIFY_BYTES = 8_192;

/** Finished: one hash of at most 48 bytes. */
export const MAX_FINISHED_BYTES = 64;

/** NewSessionTicket, with everything a server may have sealed into the ticket. */
export const MAX_TICKET_BYTES = 16_384;

/** Tickets handed on for one connection; later ones are dropped unread. */
export const MAX_TICKETS = 16;

/** Extensions in one block. */
export const MAX_EXTENSIONS = 128;

/** Seconds that a ticket may be good for (RFC 8446 §4.6.1). */
export const MAX_TICKET_LIFETIME = 604_800;

/** PSK identities of a ClientHello that are looked at; each may cost the opening of a ticket. */
export const MAX_PSK_IDENTITIES = 8;
