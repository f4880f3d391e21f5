/** A UDP relay that keeps what a client sends before it hears an answer: its first flight, to be sent again elsewhere. */
import { createSocket, type Socket } from 'node:dgram';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

export class FlightRecorder {
  readonly flight: Buffer[] = [];
  port = 0;
  readonly #inside: Socket = createSocket('udp4');
  readonly #outside: Socket = createSocket('udp4');

  /** Relays to `port`, holding answers back for `hold` ms, so that the whole first flight comes. */
  async start(t: TestContext, port: number, hold: number): Promise<void> {
    t.after(() => {
      this.#inside.close();
      this.#outside.close();
    });
    let client = 0;
    let hasAnswered = false;
    this.#inside.on('message', (bytes, from) => {
      client = from.port;
      if (!hasAnswered) this.flight.push(Buffer.from(bytes));
      this.#outside.send(bytes, port, '127.0.0.1');
    });
    this.#outside.on('message', async (bytes) => {
      if (!hasAnswered) await sleep(hold);
      hasAnswered = true;
      this.#inside.send(bytes, client, '127.0.0.1');
    });
    for (const socket of [this.#inside, this.#outside])
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    this.port = this.#inside.address().port;
  }

  /** Sends the flight again, from a port of its own, and gives the first answer. */
  async replay(port: number): Promise<Buffer> {
    const socket = createSocket('udp4');
    try {
      const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve));
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      // UDP may lose some of it.
      for (let tries = 0; tries < 20; tries++) {
        for (const datagram of this.flight) socket.send(datagram, port, '127.0.0.1');
        const first = await Promise.race([answer, sleep(500)]);
        if (first !== undefined) return first;
      }
      throw new Error('nobody answered');
    } finally {
      socket.close();
    }
  }
}
