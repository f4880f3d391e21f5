// The metrics of an endpoint, or of a listener and its endpoint: a name and a sentence for each number they keep.

import type { QuicListener } from '../listener/listener.ts';
import type { QuicEndpoint } from '../runtime/endpoint.ts';
import type { EndpointStats } from '../runtime/endpoint-stats.ts';
import type { Metric, Sample } from './metric.ts';

export type MetricsSource = QuicEndpoint | QuicListener;

/**
 * All metrics, always the same ones in the same order; those of a listener are those of its endpoint and some more.
 *
 * @param labels put on every number
 */
export function collectMetrics(source: MetricsSource, labels: Sample['labels'] = {}): Metric[] {
  const metrics =
    'endpoint' in source
      ? [...endpointMetrics(source.endpoint.stats()), ...listenerMetrics(source)]
      : endpointMetrics(source.stats());
  if (Object.keys(labels).length === 0) return metrics;
  return metrics.map((metric) => ({
    ...metric,
    samples: metric.samples.map(({ labels: own, value }) => ({ labels: { ...labels, ...own }, value })),
  }));
}

function endpointMetrics(stats: EndpointStats): Metric[] {
  const { open, client, server, packets, sockets, routing, tables, interfaces } = stats;
  return [
    gauge('connections.open', '{connection}', 'Connections that live', by('role', open)),
    counter('connections.started', '{connection}', 'Connections that began', [
      one({ role: 'client' }, client.started),
      one({ role: 'server' }, server.started),
    ]),
    counter('connections.opened', '{connection}', 'Handshakes that were completed', [
      one({ role: 'client' }, client.opened),
      one({ role: 'server' }, server.opened),
    ]),
    counter('connections.closed', '{connection}', 'Connections that ended, by the code of the error', [
      ...by('code', client.closed, { role: 'client' }),
      ...by('code', server.closed, { role: 'server' }),
    ]),
    counter('packets', '{packet}', 'QUIC packets, sent and lost', [
      one({ event: 'sent' }, packets.sent),
      one({ event: 'lost' }, packets.lost),
      one({ event: 'spuriously_lost' }, packets.spuriouslyLost),
    ]),
    gauge('sockets', '{socket}', 'Open sockets', [one({}, sockets.open)]),
    counter('udp.datagrams', '{datagram}', 'UDP datagrams', [
      one({ direction: 'received' }, sockets.receivedDatagrams),
      one({ direction: 'sent' }, sockets.sentDatagrams),
    ]),
    counter('udp.io', 'By', 'Payload of UDP datagrams', [
      one({ direction: 'received' }, sockets.receivedBytes),
      one({ direction: 'sent' }, sockets.sentBytes),
    ]),
    counter('udp.errors', '{error}', 'Errors of sockets, as the system reported them', [
      one({ direction: 'received' }, sockets.receiveErrors),
      one({ direction: 'sent' }, sockets.sendErrors),
    ]),
    counter('udp.queue_full', '{send}', 'Sends that had to wait because the queue of the socket was full', [
      one({}, sockets.queueFull),
    ]),
    counter('datagrams.routed', '{datagram}', 'Received datagrams by where they went', [
      one({ to: 'connection' }, routing.routed),
      one({ to: 'incoming' }, routing.incoming),
      one({ to: 'pending' }, routing.buffered),
      one({ to: 'closed' }, routing.absorbed),
      one({ to: 'foreign' }, routing.foreign),
    ]),
    counter('datagrams.dropped', '{datagram}', 'Received datagrams that went nowhere, and why', [
      ...by('reason', routing.dropped),
      one({ reason: 'queue-full' }, stats.queueDrops),
    ]),
    counter('resets.received', '{reset}', 'Stateless resets that ended a connection', [
      one({}, routing.resetsReceived),
    ]),
    counter(
      'answers.sent',
      '{answer}',
      'Answers to those who have no connection',
      by('kind', routing.answers),
    ),
    counter(
      'answers.limited',
      '{answer}',
      'Such answers that a rate limit kept back',
      by('kind', routing.limited),
    ),
    counter('tokens', '{token}', 'Address validation tokens that clients showed', [
      one({ result: 'valid' }, routing.tokens.valid),
      one({ result: 'invalid_retry' }, routing.tokens.invalidRetry),
      one({ result: 'ignored' }, routing.tokens.ignored),
    ]),
    gauge('routing.entries', '{entry}', 'Entries in the tables of routing', by('table', tables)),
    gauge(
      'interfaces',
      '{interface}',
      'Interfaces that were bound by URI or option',
      by('state', interfaces),
    ),
  ];
}

function listenerMetrics(listener: QuicListener): Metric[] {
  const { pending, halfOpen, live } = listener.counts;
  const { decisions, turnedAway } = listener.counters;
  return [
    gauge(
      'listener.connections',
      '{connection}',
      'Connections of the listener that live, are in their handshake, and wait',
      [
        one({ state: 'live' }, live),
        one({ state: 'half_open' }, halfOpen),
        one({ state: 'pending' }, pending),
      ],
    ),
    counter(
      'listener.decisions',
      '{client}',
      'What became of clients that were not turned away before',
      by('decision', decisions),
    ),
    counter(
      'listener.turned_away',
      '{client}',
      'Clients that got no connection, or had to prove their address first, and why',
      by('reason', turnedAway),
    ),
    gauge('listener.servers', '{server}', 'Servers of the listener', [
      one({}, listener.serverNames().length),
    ]),
  ];
}

function counter(name: string, unit: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `quayside.${name}`, kind: 'counter', help, unit, samples };
}

function gauge(name: string, unit: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `quayside.${name}`, kind: 'gauge', help, unit, samples };
}

function one(labels: Sample['labels'], value: number): Sample {
  return { labels, value };
}

/** A sample for each entry of a record. */
function by(label: string, values: object, more: Sample['labels'] = {}): Sample[] {
  return Object.entries(values).map(([name, value]) => one({ ...more, [label]: name }, value));
}
