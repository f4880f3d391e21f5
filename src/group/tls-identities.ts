// The certificates of a TLS listener as Node's TLS wants them: its own, or those of the group by the names that clients ask
// for, made into contexts once each.

import { createSecureContext, type SecureContext, type SecureContextOptions, type Server } from 'node:tls';
import { privateKeyPem } from '../crypto/node-keys.ts';
import { quicError } from '../errors.ts';
import { type IdentityOptions, loadIdentity } from '../pki/identity.ts';
import { toPem } from '../pki/pem.ts';
import { trustAnchors } from '../pki/trust-anchors.ts';
import type { MemberHost } from './member.ts';
import type { TlsTarget } from './specification.ts';

export class TlsIdentities {
  /** For clients that ask for no name, and for names that nobody has. */
  readonly context: SecureContextOptions;
  readonly #common: SecureContextOptions;
  /** Null: the listener has its own certificate. */
  readonly #servers: MemberHost['servers'] | null;
  readonly #contexts: WeakMap<IdentityOptions, SecureContext> = new WeakMap();
  #others: IdentityOptions | null;

  constructor({ cert, key, ca }: TlsTarget, { servers }: MemberHost) {
    const isOwn = cert !== undefined || key !== undefined;
    if (!isOwn && servers.size === 0) throw quicError('ERR_QUIC_NO_IDENTITY');
    this.#common = {
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca: trustAnchors(ca).certificates.map(certificatePem) }),
    };
    this.#servers = isOwn ? null : servers;
    this.#others = isOwn ? ({ cert, key } as IdentityOptions) : servers.others;
    this.context = this.#optionsOf(this.#others);
  }

  /** What the client that asks for a name is shown; undefined for what all others are. */
  for(name: string): SecureContext | undefined {
    const identity = this.#servers?.named(name.toLowerCase()) ?? null;
    if (identity === null) return undefined;
    let context = this.#contexts.get(identity);
    if (context === undefined) {
      context = createSecureContext(this.#optionsOf(identity));
      this.#contexts.set(identity, context);
    }
    return context;
  }

  /** Called before each handshake: the server for all others may have been replaced. */
  refresh(server: Server): void {
    const others = this.#servers === null ? this.#others : this.#servers.others;
    if (others === this.#others) return;
    this.#others = others;
    server.setSecureContext(this.#optionsOf(others));
  }

  #optionsOf(identity: IdentityOptions | null): SecureContextOptions {
    if (identity === null) return this.#common;
    const { certificates, key } = loadIdentity(identity);
    return { ...this.#common, cert: certificates.map(certificatePem).join(''), key: privateKeyPem(key) };
  }
}

function certificatePem(der: Uint8Array): string {
  return toPem('CERTIFICATE', der);
}
