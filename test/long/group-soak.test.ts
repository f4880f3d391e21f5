/**
 * Listeners of a group added and removed at random while clients come and go. QUAYSIDE_SOAK_VIRTUAL: minutes of virtual time
 * for QUIC members (default 60); QUAYSIDE_SOAK_REAL: minutes on real sockets for all kinds (default 10); QUAYSIDE_SEED.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as realPause } from 'node:timers/promises';
import { nodeProvider } from '../../src/crypto/node-provider.ts';
import { seededRandom } from '../../src/crypto/random.ts';
import { defer } from '../../src/runtime/deferred.ts';
import type { Environment } from '../../src/runtime/environment.ts';
import type { VirtualHost } from '../../src/sim/virtual-host.ts';
import { VirtualNetwork } from '../../src/sim.ts';
import { type ChaosReport, chaos } from '../support/group-chaos.ts';
import { clientOf, KINDS, targetOf } from '../support/group-kinds.ts';

const SEED = process.env.QUAYSIDE_SEED ?? '1';
const VIRTUAL_MINUTES = Number(process.env.QUAYSIDE_SOAK_VIRTUAL ?? 60);
const REAL_MINUTES = Number(process.env.QUAYSIDE_SOAK_REAL ?? 10);
/** Vanished clients are gone after this, ms. */
const IDLE_TIMEOUT = 3000;
/** Handshakes are what virtual time costs: some each second, so that an hour of it is over in minutes. */
const VIRTUAL_PACE = 500;
const REAL_PACE = 60;

test(`G32 ${VIRTUAL_MINUTES} minutes of virtual time: QUIC listeners come and go`, async (t) => {
  const network = new VirtualNetwork({ seed: SEED, link: { delay: 10 } });
  const { clock } = network;
  const [server, client] = [network.addHost('server', ['10.0.0.1']), network.addHost('client', ['10.0.0.2'])];
  const random = seededRandom(`soak ${SEED}`);
  const running = chaos(
    {
      kinds: ['quic'],
      random,
      pace: VIRTUAL_PACE,
      options: { environment: environmentOf(server) },
      target: (kind) => ({ ...targetOf(kind, IDLE_TIMEOUT), address: '10.0.0.1' }) as never,
      client: (kind, address) => clientOf(kind, address, { environment: environmentOf(client) }),
      now: () => clock.now(),
      pause: (milliseconds) => {
        const over = defer<void>();
        const timer = clock.createTimer(over.resolve);
        timer.set(clock.now() + milliseconds);
        return over.promise;
      },
    },
    VIRTUAL_MINUTES * 60_000,
  );
  // The timers of connections keep no process alive, nor the simulation: this one does.
  const tick = clock.createTimer(() => tick.set(clock.now() + 1000));
  tick.set(clock.now());
  const report = await clock.until(running, (VIRTUAL_MINUTES + 1) * 60_000);
  tick.clear();
  tell(t, report);
});

test(`G32 G37 ${REAL_MINUTES} minutes on real sockets: listeners of four kinds come and go`, async (t) => {
  const random = seededRandom(`soak ${SEED}`);
  const report = await chaos(
    {
      kinds: KINDS,
      random,
      pace: REAL_PACE,
      options: {},
      target: (kind) => targetOf(kind, IDLE_TIMEOUT),
      client: (kind, address) => clientOf(kind, address),
      now: () => performance.now(),
      pause: (milliseconds) => realPause(milliseconds),
    },
    REAL_MINUTES * 60_000,
  );
  tell(t, report);
});

function tell(t: TestContext, report: ChaosReport): void {
  const { steps, listeners, connections, snapshots, heapSlope, samples } = report;
  const heap = samples
    .map(([minutes, megabytes]) => `${minutes.toFixed(1)}:${megabytes.toFixed(2)}`)
    .join(' ');
  t.diagnostic(`${steps} steps, ${listeners} listeners, ${connections} connections, ${snapshots} snapshots`);
  t.diagnostic(`heap grew ${(heapSlope / 1e6).toFixed(3)} MB an hour; minutes:MB ${heap}`);
  assert.ok(connections > 0);
}

function environmentOf({ clock, sockets, random }: VirtualHost): Environment {
  return { clock, sockets, random, provider: nodeProvider };
}
