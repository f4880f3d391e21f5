/** A well-behaved client of an echo server: says something on a new stream and keeps what comes back. */
import type { ConnectionCore } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import { type CoreOptions, clientCore } from './cores.ts';

export class HealthyClient {
  readonly core: ConnectionCore;
  readonly events: ConnectionEvent[] = [];
  #said = '';
  #heard = '';
  #id: number | null = null;

  constructor(options: CoreOptions) {
    this.core = clientCore(options);
  }

  /** Says something that the server should echo. */
  say(text: string): void {
    this.#said = text;
    this.#heard = '';
    this.#id = null;
  }

  /** The whole echo came. */
  get isAnswered(): boolean {
    return this.#heard === this.#said;
  }

  /** Lets the application act; to be called after input. */
  progress(): void {
    const { core } = this;
    for (let event = core.nextEvent(); event !== null; event = core.nextEvent()) this.events.push(event);
    if (core.state.value !== 'established') return;
    const { streams } = core;
    if (this.#id === null && this.#said !== '') {
      this.#id = streams.openStream('bidi');
      if (this.#id !== null) streams.streamSend(this.#id, new TextEncoder().encode(this.#said), true);
    }
    for (let id = streams.nextReadable(); id !== null; id = streams.nextReadable()) {
      for (let chunk = streams.streamRecvChunk(id); chunk !== null; chunk = streams.streamRecvChunk(id)) {
        if (id === this.#id) this.#heard += new TextDecoder().decode(chunk.data);
        if (chunk.fin) break;
      }
    }
  }
}
