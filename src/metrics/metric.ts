// A metric as everybody understands it: a name, what it counts, and a number for each set of labels.

/** One metric at a moment. */
export interface Metric {
  /** In dots: `quayside.udp.datagrams`. */
  readonly name: string;
  /** 'counter': only grows, since the endpoint was made. 'gauge': how much there is now. */
  readonly kind: 'counter' | 'gauge';
  /** One sentence. */
  readonly help: string;
  /** UCUM, as OpenTelemetry writes it: `By`, `{datagram}`. */
  readonly unit: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
