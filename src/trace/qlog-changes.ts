// What changed about a connection since the last look, as qlog events: state, version, protocol, parameters, paths,
// metrics of recovery, the end. Only what differs is said.

import type { TransportParameters } from '../wire/transport-parameters.ts';
import type { TracedConnection, TracedPath } from './detail.ts';
import type { QlogEventName } from './qlog-events.ts';
import { transportError } from './qlog-frames.ts';
import { qlogEndpoint, qlogParameters, qlogVersion } from './qlog-values.ts';

export class QlogChanges {
  readonly #emit: (name: QlogEventName, data: object) => void;
  #state = '';
  #version = -1;
  #hasAlpn = false;
  #localParameters: TransportParameters | null = null;
  #activePath = 0;
  #isClosed = false;
  /** State of validation by path. */
  readonly #paths = new Map<number, string>();
  #mtu = 0;
  #ecn = 'disabled';
  #congestion = '';
  readonly #metrics = new Map<string, number>();

  constructor(emit: (name: QlogEventName, data: object) => void) {
    this.#emit = emit;
  }

  started(connection: TracedConnection): void {
    const { paths, localIds, remoteIds } = connection;
    const { id, local, remote } = paths.active;
    this.#activePath = id;
    this.#paths.set(id, 'validated');
    this.#emit('connection_started', {
      local: qlogEndpoint(local, [localIds.current]),
      remote: qlogEndpoint(remote, [remoteIds.handshakeId.connectionId]),
    });
  }

  /** True once the connection was told to have ended. */
  look(connection: TracedConnection): boolean {
    this.#lookAtHandshake(connection);
    this.#lookAtPaths(connection);
    this.#lookAtRecovery(connection.paths.active, connection.recovery.ptoCount);
    this.#lookAtState(connection);
    return this.#isClosed;
  }

  #lookAtHandshake({ header, handshake }: TracedConnection): void {
    const { version } = header.version;
    if (version !== this.#version) {
      this.#version = version;
      this.#emit('version_information', { chosen_version: qlogVersion(version) });
    }
    const { localParameters, engine, isComplete } = handshake;
    if (localParameters !== this.#localParameters && localParameters !== null) {
      this.#localParameters = localParameters;
      this.#emit('parameters_set', qlogParameters('local', localParameters));
    }
    if (this.#hasAlpn || !isComplete) return;
    this.#hasAlpn = true;
    if (engine.alpn !== null) {
      this.#emit('alpn_information', { chosen_alpn: { string_value: engine.alpn } });
    }
    this.#emit('parameters_set', {
      initiator: 'local',
      resumption_allowed: engine.resumed,
      ...(engine.suite === null ? {} : { tls_cipher: engine.suite.name }),
    });
  }

  #lookAtPaths({ paths }: TracedConnection): void {
    for (const path of paths.all) {
      const known = this.#paths.get(path.id);
      if (known === undefined) {
        this.#emit('tuple_assigned', { tuple_id: String(path.id), ...tuple(path) });
      }
      if (known === path.state) continue;
      this.#paths.set(path.id, path.state);
      const state = PROBING[path.state];
      if (state !== undefined) this.#migration(path, state);
    }
    for (const id of this.#paths.keys()) {
      if (paths.all.some((path) => path.id === id)) continue;
      this.#paths.delete(id);
      this.#emit('tuple_assigned', { tuple_id: String(id) });
    }
    const { active } = paths;
    if (active.id === this.#activePath) return;
    this.#activePath = active.id;
    this.#migration(active, 'migration_complete');
  }

  #migration(path: TracedPath, state: string): void {
    this.#emit('migration_state_updated', { new: state, tuple_id: String(path.id), ...tuple(path) });
  }

  #lookAtRecovery(path: TracedPath, ptoCount: number): void {
    const { mtu, recovery } = path;
    if (mtu !== this.#mtu) {
      this.#emit('mtu_updated', { ...(this.#mtu === 0 ? {} : { old: this.#mtu }), new: mtu });
      this.#mtu = mtu;
    }
    const { congestion, rtt, bytesInFlight, pacingRate, ecn } = recovery;
    const changed: Record<string, number> = {};
    const note = (name: string, value: number) => {
      if (!Number.isFinite(value) || this.#metrics.get(name) === value) return;
      this.#metrics.set(name, value);
      changed[name] = value;
    };
    if (rtt.samples > 0) {
      note('min_rtt', rtt.min);
      note('smoothed_rtt', rtt.smoothed);
      note('latest_rtt', rtt.latest);
      note('rtt_variance', rtt.variation);
    }
    note('pto_count', ptoCount);
    note('congestion_window', Math.floor(congestion.window));
    note('bytes_in_flight', bytesInFlight);
    note('ssthresh', Math.floor(congestion.slowStartThreshold));
    // Of itself it is no news: it follows from the others. Bits per second.
    const rate = Math.round(pacingRate * 8000);
    if (Object.keys(changed).length > 0 && Number.isFinite(rate)) changed.pacing_rate = rate;
    if (Object.keys(changed).length > 0) this.#emit('recovery_metrics_updated', changed);
    const state = congestionState(path);
    if (state !== this.#congestion) {
      this.#emit('congestion_state_updated', {
        ...(this.#congestion === '' ? {} : { old: this.#congestion }),
        new: state,
      });
      this.#congestion = state;
    }
    if (ecn.state !== this.#ecn && ecn.state !== 'disabled') {
      this.#emit('ecn_state_updated', {
        ...(this.#ecn === 'disabled' ? {} : { old: this.#ecn }),
        new: ecn.state,
      });
      this.#ecn = ecn.state;
    }
  }

  #lookAtState(connection: TracedConnection): void {
    const state = stateOf(connection);
    if (state === this.#state) return;
    const isEnd = ENDS.has(state);
    // The reason comes once, with the first sign of the end.
    if (isEnd && !this.#isClosed) this.#emit('connection_closed', closeData(connection));
    this.#emit('connection_state_updated', {
      ...(this.#state === '' ? {} : { old: this.#state }),
      new: state,
    });
    this.#state = state;
    this.#isClosed = isEnd;
  }
}

function stateOf({ state, handshake }: TracedConnection): string {
  if (state.value === 'handshaking') return 'handshake_started';
  if (state.value !== 'established') return state.value;
  return handshake.isConfirmed ? 'handshake_confirmed' : 'handshake_complete';
}

function closeData({ closer }: TracedConnection): object {
  const { local, remote, isTimedOut, error } = closer;
  if (isTimedOut) return { initiator: 'local', trigger: 'idle_timeout' };
  const cause = local ?? remote;
  const trigger = TRIGGERS[error?.code ?? ''];
  if (cause === null)
    return trigger === undefined ? { trigger: 'unspecified' } : { initiator: 'remote', trigger };
  const { error: name, error_code } = transportError(cause.errorCode);
  return {
    initiator: local === null ? 'remote' : 'local',
    ...(cause.isApplication ? { application_error: 'unknown' } : { connection_error: name }),
    error_code,
    ...(cause.reason === '' ? {} : { reason: cause.reason }),
    trigger: cause.isApplication || cause.errorCode === 0n ? 'application' : 'error',
  };
}

function congestionState({ recovery }: TracedPath): string {
  if (recovery.isInRecovery) return 'recovery';
  const { window, slowStartThreshold } = recovery.congestion;
  return window < slowStartThreshold ? 'slow_start' : 'congestion_avoidance';
}

function tuple({ local, remote }: TracedPath): object {
  return { tuple_remote: qlogEndpoint(remote), tuple_local: qlogEndpoint(local) };
}

const ENDS: ReadonlySet<string> = new Set(['closing', 'draining', 'closed']);

const TRIGGERS: Readonly<Record<string, string>> = {
  ERR_QUIC_STATELESS_RESET: 'stateless_reset',
  ERR_QUIC_VERSION_NEGOTIATION: 'version_mismatch',
};

const PROBING: Readonly<Record<string, string>> = {
  validating: 'probing_started',
  validated: 'probing_successful',
  failed: 'probing_abandoned',
};
