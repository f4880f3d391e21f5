// The listeners of `serve`, all in one group: those of `--listen`, or QUIC on the addresses of `--address`.

import {
  formatGroupAddress,
  type GroupAddress,
  type ListenerKind,
  type ListenGroup,
  parseListener,
} from '../../group.ts';
import type { ListenOptions, QuicListener } from '../../index.ts';
import { collectMetrics, type Metric } from '../../metrics.ts';
import { CliError, ExitCode, usageError } from '../errors.ts';

/** Where something listens. */
export interface Place {
  readonly kind: ListenerKind;
  readonly address: GroupAddress;
}

/** Options of QUIC listeners that texts do not have. */
export type QuicDefaults = Omit<
  ListenOptions,
  'environment' | 'endpoint' | 'onConnection' | 'address' | 'port'
>;

/** Adds the listeners of `--listen`, all or none. TLS and QUIC have the servers of the group unless they name a certificate. */
export async function listenOn(
  group: ListenGroup,
  texts: readonly string[],
  quic: QuicDefaults & { alpn: string[] },
): Promise<Place[]> {
  const { alpn } = quic;
  const places: Place[] = [];
  for (const text of texts) {
    const target = readListener(text);
    const listener =
      target.kind === 'quic' ? { ...quic, ...target } : target.kind === 'tls' ? { alpn, ...target } : target;
    const address = await group.addListener({ id: text, listener }).catch((error: Error) => {
      throw new CliError(`--listen ${text}: ${error.message}`, ExitCode.FAILED, error);
    });
    if (address !== null) places.push({ kind: target.kind, address });
  }
  return places;
}

/** Adds a QUIC listener by its options; who it is says the group. */
export async function addQuicListener(
  group: ListenGroup,
  { cert: _cert, key: _key, ...options }: ListenOptions,
): Promise<QuicListener> {
  // One that did not get its port on all addresses may still be on its way out.
  let id = `quic ${options.address} ${options.port}`;
  while (group.hasListener(id)) id += ' again';
  await group.addListener({ id, listener: { kind: 'quic', ...options } });
  return group.getQuicListener(id) as QuicListener;
}

/** The numbers of the QUIC listeners, labelled with their addresses. */
export function metricsOf(group: ListenGroup): Metric[] {
  return group.listeners().flatMap(({ id, address }) => {
    const listener = group.getQuicListener(id);
    if (listener === null || address === null) return [];
    return collectMetrics(listener, { listener: formatGroupAddress(address) });
  });
}

function readListener(text: string): ReturnType<typeof parseListener> {
  try {
    return parseListener(text);
  } catch (error) {
    throw usageError((error as Error).message, error);
  }
}
