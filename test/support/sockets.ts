// A machine on the virtual network with a pool of sockets, for tests of binding.

import assert from 'node:assert/strict';
import { VirtualNetwork } from '../../src/sim/virtual-network.ts';
import { type BindTarget, optionsTarget, uriTarget } from '../../src/udp/bind-target.ts';
import { parseBindUri } from '../../src/udp/bind-uri.ts';
import { Binding, type InterfaceEvent } from '../../src/udp/binding.ts';
import type { SocketFactory } from '../../src/udp/socket.ts';
import { SocketPool } from '../../src/udp/socket-pool.ts';
import { formatAddress, parseAddress, type SocketAddress } from '../../src/util/address.ts';
import type { Clock } from '../../src/util/clock.ts';

/** A pool whose connections use the addresses in `used`. */
export function poolOf(factory: SocketFactory, clock: Clock): { pool: SocketPool; used: Set<string> } {
  const used = new Set<string>();
  const pool = new SocketPool(factory, {}, clock, {
    onSocketOpened() {},
    addressesInUse: () => used,
  });
  return { pool, used };
}

export function machine(
  ips: readonly string[],
  packetInfo = false,
): {
  network: VirtualNetwork;
  host: ReturnType<VirtualNetwork['addHost']>;
  pool: SocketPool;
  used: Set<string>;
} {
  const network = new VirtualNetwork({ seed: 1 });
  const host = network.addHost('a', ips, { capabilities: { packetInfo } });
  return { network, host, ...poolOf(host.sockets, network.clock) };
}

/** A started binding and what it told, as text. */
export async function boundTo(
  pool: SocketPool,
  target: string | BindTarget,
): Promise<{ binding: Binding; told: string[] }> {
  const { capabilities } = pool.factory;
  const what = typeof target === 'string' ? uriTarget(parseBindUri(target), capabilities) : target;
  const binding = new Binding(what, pool);
  const told: string[] = [];
  binding.onEvent = (event) => told.push(eventText(event));
  await binding.start();
  return { binding, told };
}

/** All addresses of both families. */
export function anyTarget(pool: SocketPool, port = 0): BindTarget {
  return optionsTarget(undefined, port, pool.factory.capabilities);
}

export function eventText({ type, addresses, error }: InterfaceEvent): string {
  return [type, ...addresses.map(formatAddress), ...(error === null ? [] : [error.code])].join(' ');
}

export function textOf(addresses: readonly SocketAddress[]): string[] {
  return addresses.map(formatAddress);
}

export function at(text: string): SocketAddress {
  const address = parseAddress(text);
  assert.ok(address);
  return address;
}
