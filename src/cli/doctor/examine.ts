// What `quayside doctor` looks at: which path this machine runs, and what keeps it from a faster one. Opens sockets on the
// loopback and sends to itself; changes nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { release, type } from 'node:os';
import { type Environment, nativeState, QuicEndpoint } from '../../index.ts';
import { packageVersion } from '../package-root.ts';

/** One finding. */
export interface Finding {
  readonly name: string;
  /** False: something is missing, and `fix` says what helps. */
  readonly good: boolean;
  readonly value: string;
  /** Empty where nothing has to be done, or can be. */
  readonly fix: string;
}

export interface Examination {
  readonly version: string;
  readonly node: string;
  readonly openssl: string;
  readonly system: string;
  readonly backend: string;
  readonly findings: readonly Finding[];
}

export async function examine(): Promise<Examination> {
  const endpoint = new QuicEndpoint();
  const { sockets, provider } = endpoint.environment;
  try {
    return {
      version: packageVersion(),
      node: process.version,
      openssl: process.versions.openssl ?? '',
      system: `${type()} ${release()} ${process.arch}`,
      backend: endpoint.backend,
      findings: [
        addon(),
        protection(provider),
        backend(sockets),
        ...(await buffers(sockets)),
        ...capabilities(sockets),
        await loopback(sockets),
        ...mtus(sockets.capabilities.dontFragment),
      ],
    };
  } finally {
    await endpoint.close();
  }
}

function addon(): Finding {
  const { state, file, reason } = nativeState();
  const value = state === 'loaded' ? `loaded from ${file}` : `not used: ${reason}`;
  const fix = { loaded: '', off: 'unset QUAYSIDE_NATIVE', absent: BUILD, unfit: BUILD }[state];
  return { name: 'addon', good: state === 'loaded', value, fix };
}

function protection({ name }: Environment['provider']): Finding {
  const { addon: loaded } = nativeState();
  const isNative = name === 'native';
  const names = AEADS.filter((_, at) => loaded?.aeads[at] === true);
  const value = isNative ? `by the addon: ${names.join(', ')}` : 'by node:crypto';
  return { name: 'packet protection', good: isNative, value, fix: isNative ? '' : fixOfAddon() };
}

function backend({ backend: name }: Sockets): Finding {
  const { socketReason } = nativeState();
  const isNative = name === 'native';
  const why = socketReason === '' ? '' : `: ${socketReason}`;
  return {
    name: 'sockets',
    good: isNative,
    value: isNative ? 'of the addon' : `node:dgram${why}`,
    fix: isNative ? '' : fixOfAddon(),
  };
}

/** What the system grants of the buffers that are asked for by default. */
async function buffers(sockets: Sockets): Promise<Finding[]> {
  const socket = await sockets.bind({ address: LOOPBACK });
  const { counters } = socket;
  await socket.close();
  const one = (name: string, asked: number, granted: number, setting: string): Finding => {
    const good = granted >= asked;
    const value = granted > 0 ? `${granted} of ${asked} bytes` : 'unknown';
    const fix = good || process.platform !== 'linux' ? '' : `sysctl -w ${setting}=${asked}`;
    return { name, good, value, fix };
  };
  return [
    one('receive buffer', counters.receiveBufferAsked, counters.receiveBufferGranted, 'net.core.rmem_max'),
    one('send buffer', counters.sendBufferAsked, counters.sendBufferGranted, 'net.core.wmem_max'),
  ];
}

function capabilities({ backend: name, capabilities: can }: Sockets): Finding[] {
  const missing = (linux: string): string => (name === 'native' ? linux : fixOfAddon());
  const one = (what: string, good: boolean, value: string, fix: string): Finding => {
    return { name: what, good, value, fix: good ? '' : fix };
  };
  const yes = (good: boolean): string => (good ? 'yes' : 'no');
  return [
    one(
      'joined sending (GSO)',
      can.segments > 1,
      can.segments > 1 ? `up to ${can.segments} datagrams in a call` : 'no',
      missing('Linux 4.18 or later has it'),
    ),
    one(
      'joined receiving (GRO)',
      can.joined === true,
      yes(can.joined === true),
      missing('Linux 5.0 or later has it'),
    ),
    one('ECN', can.ecn, yes(can.ecn), missing('the system does not show the marks')),
    one(
      'packet information',
      can.packetInfo,
      can.packetInfo ? 'yes' : 'no: a wildcard address takes a socket for each local address',
      missing('the system does not tell'),
    ),
    one(
      'steering by connection id',
      can.steering === true,
      yes(can.steering === true),
      missing('Linux 4.5 or later has it'),
    ),
    one('shared ports', can.reusePort, yes(can.reusePort), missing('Node.js 22.12 or later, or the addon')),
  ];
}

/** Sends a batch to itself, as a connection would. */
async function loopback(sockets: Sockets): Promise<Finding> {
  const name = 'a batch over the loopback';
  const [a, b] = [await sockets.bind({ address: LOOPBACK }), await sockets.bind({ address: LOOPBACK })];
  try {
    let count = 0;
    let marked = 0;
    const all = new Promise<void>((resolve) => {
      b.onDatagram = (_bytes, _from, _local, ecn) => {
        if (ecn === ECT0) marked++;
        if (++count === BATCH) resolve();
      };
    });
    a.send(new Uint8Array(BATCH * 1200), 0, BATCH * 1200, b.localAddress, 1200, ECT0);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      all,
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE);
      }),
    ]);
    clearTimeout(timer);
    const good = count === BATCH && (marked === BATCH || !sockets.capabilities.ecn);
    const value = `${count} of ${BATCH} datagrams arrived, ${marked} with their ECN mark`;
    return { name, good, value, fix: good ? '' : 'look for a firewall on the loopback device' };
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

/** What the devices carry, as far as the system shows it. */
function mtus(dontFragment: boolean): Finding[] {
  const probing = dontFragment
    ? 'probes may look for more with the option maxUdpPayloadSize'
    : 'probes stop at 1452 bytes, since fragments cannot be forbidden';
  const found: Finding[] = [
    { name: 'MTU discovery', good: dontFragment, value: probing, fix: dontFragment ? '' : fixOfAddon() },
  ];
  for (const device of devices()) {
    const mtu = Number(read(`/sys/class/net/${device}/mtu`));
    if (!Number.isInteger(mtu) || mtu <= 0) continue;
    const good = mtu >= MIN_MTU;
    const fix = good ? '' : `QUIC needs ${MIN_MTU}: ip link set ${device} mtu ${MIN_MTU}`;
    found.push({ name: `MTU of ${device}`, good, value: `${mtu} bytes`, fix });
  }
  return found;
}

function devices(): string[] {
  try {
    return readdirSync('/sys/class/net').filter((name) =>
      /^up$|^unknown$/.test(read(`/sys/class/net/${name}/operstate`)),
    );
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

function fixOfAddon(): string {
  const { state, socketReason } = nativeState();
  if (state === 'off') return 'unset QUAYSIDE_NATIVE';
  return state === 'loaded' ? socketReason : BUILD;
}

type Sockets = Environment['sockets'];

const BUILD = 'npx quayside native build';
const AEADS: readonly string[] = ['AES-128-GCM', 'AES-256-GCM', 'ChaCha20-Poly1305'];
const LOOPBACK = { address: '127.0.0.1', port: 0, family: 4 } as const;
const ECT0 = 2;
const BATCH = 10;
/** How long the batch may take, ms. */
const PATIENCE = 1000;
/** 1200 bytes of UDP payload (RFC 9000 §14) and the headers of IPv6 and UDP. */
const MIN_MTU = 1248;
