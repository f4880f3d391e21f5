// Whether an application lets a client in: callbacks about the name that a client asks for and about its certificate, at
// once or later. All are asked and all must agree. Knows no connections.

import { settle } from '../runtime/deferred.ts';
import type { SocketAddress } from '../util/address.ts';

/** Who wants what, before the server says anything. */
export interface NameRequest {
  /** The name that the client asks for, in lower case; null if it names none. */
  readonly serverName: string | null;
  /** The protocols that it offers. */
  readonly alpn: readonly string[];
  readonly localAddress: SocketAddress;
  readonly remoteAddress: SocketAddress;
}

/** Who proved to be whom; the library found nothing wrong with the certificate. */
export interface CertificateRequest extends Omit<NameRequest, 'alpn'> {
  /** The common name in the client's certificate; null without one. */
  readonly clientName: string | null;
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
}

/** True lets the client in, false refuses it; a refusal can say why, or say nothing at all to the client. */
export type Authorization = boolean | { readonly refuse: string; readonly silent?: boolean };

export type Authorizer<Request> = (request: Request) => Authorization | PromiseLike<Authorization>;

export interface Refusal {
  readonly reason: string;
  readonly silent: boolean;
}

/** Asks all of them; null if all agree. One that wants silence outweighs the others, and one that fails refuses. */
export function authorize<Request>(
  authorizers: readonly Authorizer<Request>[],
  request: Request,
  done: (refusal: Refusal | null) => void,
): void {
  let open = authorizers.length;
  let refusal: Refusal | null = null;
  const take = (answer: Authorization): void => {
    const found = refusalOf(answer);
    if (found !== null && (refusal === null || found.silent)) refusal = found;
    open--;
    if (open === 0) done(refusal);
  };
  if (open === 0) done(null);
  for (const ask of authorizers)
    settle(
      () => ask(request),
      take,
      () => take(false),
    );
}

function refusalOf(answer: Authorization): Refusal | null {
  if (answer === true) return null;
  if (typeof answer !== 'object' || answer === null) return { reason: '', silent: false };
  return { reason: String(answer.refuse ?? ''), silent: answer.silent === true };
}
