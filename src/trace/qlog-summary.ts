// What a log comes to: counts of packets and bytes, metrics over time, losses. For tables and plots.

import type { ParsedQlog, QlogEvent } from './qlog-reader.ts';

/** Metrics from `time` on, milliseconds and bytes; undefined until they were first told. */
export interface QlogSample {
  readonly time: number;
  readonly congestionWindow?: number;
  readonly bytesInFlight?: number;
  readonly slowStartThreshold?: number;
  readonly smoothedRtt?: number;
  readonly minRtt?: number;
  readonly latestRtt?: number;
}

export interface QlogSummary {
  readonly title: string;
  /** 'client', 'server', 'network' or 'unknown'. */
  readonly role: string;
  /** Milliseconds from the first event to the last. */
  readonly duration: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
  readonly packetsDropped: number;
  /** Of packets, as protected. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Packets sent and received by type. */
  readonly sentByType: Readonly<Record<string, number>>;
  readonly receivedByType: Readonly<Record<string, number>>;
  /** Frames sent and received by type. */
  readonly framesSent: Readonly<Record<string, number>>;
  readonly framesReceived: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly samples: readonly QlogSample[];
  /** Times of losses, and of changes of the congestion state. */
  readonly losses: readonly number[];
  readonly states: readonly { readonly time: number; readonly state: string }[];
}

export function summarizeQlog({ header, events }: ParsedQlog): QlogSummary {
  const sent = new Tally();
  const received = new Tally();
  const counts: Record<string, number> = {};
  const samples: QlogSample[] = [];
  const losses: number[] = [];
  const states: { time: number; state: string }[] = [];
  let dropped = 0;
  for (const event of events) {
    const name = event.name.slice(event.name.indexOf(':') + 1);
    counts[event.name] = (counts[event.name] ?? 0) + 1;
    if (name === 'packet_sent') sent.add(event);
    else if (name === 'packet_received') received.add(event);
    else if (name === 'packet_lost') losses.push(event.time);
    else if (name === 'packet_dropped') dropped++;
    else if (name === 'recovery_metrics_updated' || name === 'metrics_updated') {
      samples.push(sampleAfter(samples[samples.length - 1], event));
    } else if (name === 'congestion_state_updated') {
      states.push({ time: event.time, state: String(event.data.new) });
    }
  }
  const first = events[0]?.time ?? 0;
  const last = events[events.length - 1]?.time ?? first;
  return {
    ...about(header),
    duration: last - first,
    packetsSent: sent.packets,
    packetsReceived: received.packets,
    packetsLost: losses.length,
    packetsDropped: dropped,
    bytesSent: sent.bytes,
    bytesReceived: received.bytes,
    sentByType: sent.byType,
    receivedByType: received.byType,
    framesSent: sent.frames,
    framesReceived: received.frames,
    events: counts,
    samples,
    losses,
    states,
  };
}

class Tally {
  packets = 0;
  bytes = 0;
  readonly byType: Record<string, number> = {};
  readonly frames: Record<string, number> = {};

  add({ data }: QlogEvent): void {
    const { header, raw, frames } = data as {
      header?: { packet_type?: unknown };
      raw?: { length?: unknown };
      frames?: unknown;
    };
    this.packets++;
    if (typeof raw?.length === 'number') this.bytes += raw.length;
    const type = String(header?.packet_type ?? 'unknown');
    this.byType[type] = (this.byType[type] ?? 0) + 1;
    if (!Array.isArray(frames)) return;
    for (const frame of frames as { frame_type?: unknown }[]) {
      const kind = String(frame?.frame_type ?? 'unknown');
      this.frames[kind] = (this.frames[kind] ?? 0) + 1;
    }
  }
}

/** Events tell what changed; a sample has everything. */
function sampleAfter(before: QlogSample | undefined, { time, data }: QlogEvent): QlogSample {
  const told: Record<string, number> = {};
  for (const [name, key] of METRICS) {
    const value = data[name];
    if (typeof value === 'number') told[key] = value;
  }
  return { ...before, ...told, time };
}

function about(header: ParsedQlog['header']): { title: string; role: string } {
  const traces = header.traces;
  const trace = (Array.isArray(traces) ? traces[0] : header.trace) as
    | { title?: unknown; vantage_point?: { type?: unknown } }
    | undefined;
  const title = header.title ?? trace?.title;
  return {
    title: typeof title === 'string' ? title : '',
    role: String(trace?.vantage_point?.type ?? 'unknown'),
  };
}

const METRICS: readonly (readonly [string, keyof QlogSample])[] = [
  ['congestion_window', 'congestionWindow'],
  ['bytes_in_flight', 'bytesInFlight'],
  ['ssthresh', 'slowStartThreshold'],
  ['smoothed_rtt', 'smoothedRtt'],
  ['min_rtt', 'minRtt'],
  ['latest_rtt', 'latestRtt'],
];
