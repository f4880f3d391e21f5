// Calls between the main thread and a worker: a name and arguments over a port, a result or an error back. Knows no meaning.

import type { MessagePort, Worker } from 'node:worker_threads';
import { QUIC_ERRORS, type QuicErrorCode, quicError } from '../errors.ts';

/** What the other side may call. */
export type CallHandlers = Readonly<Record<string, (argument: never) => unknown>>;

type Message =
  | { readonly call: number; readonly name: string; readonly argument: unknown }
  | { readonly answer: number; readonly value?: unknown; readonly error?: PlainError };

/** An error without its class, which a message does not carry. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
}

export class Calls {
  readonly #port: Worker | MessagePort;
  readonly #handlers: CallHandlers;
  readonly #open: Map<number, { resolve(value: unknown): void; reject(error: Error): void }> = new Map();
  #next = 0;
  #over: Error | null = null;

  constructor(port: Worker | MessagePort, handlers: CallHandlers) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (message: Message) => {
      if ('call' in message) void this.#obey(message.call, message.name, message.argument);
      else this.#settle(message);
    });
  }

  /** Rejects with the error of the other side, or with that of `end`. */
  call<T>(name: string, argument: unknown = null, transfer: readonly MessagePort[] = []): Promise<T> {
    if (this.#over !== null) return Promise.reject(this.#over);
    return new Promise<T>((resolve, reject) => {
      const call = this.#next++;
      this.#open.set(call, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.postMessage({ call, name, argument } satisfies Message, [...transfer]);
    });
  }

  /** The other side is gone. */
  end(error: Error): void {
    this.#over = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  async #obey(answer: number, name: string, argument: unknown): Promise<void> {
    try {
      const value = await this.#handlers[name](argument as never);
      this.#port.postMessage({ answer, value } satisfies Message);
    } catch (error) {
      this.#port.postMessage({ answer, error: plainError(error) } satisfies Message);
    }
  }

  #settle(message: Extract<Message, { answer: number }>): void {
    const waiting = this.#open.get(message.answer);
    this.#open.delete(message.answer);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(fromPlainError(message.error));
  }
}

function plainError(error: unknown): PlainError {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), code: undefined, stack: undefined };
  const { name, message, stack, code } = error as Error & { code?: unknown };
  return { name, message, code: typeof code === 'string' ? code : undefined, stack };
}

function fromPlainError({ name, message, code, stack }: PlainError): Error {
  if (code !== undefined && Object.hasOwn(QUIC_ERRORS, code)) {
    return quicError(code as QuicErrorCode, { message });
  }
  const kind = name === 'TypeError' ? TypeError : name === 'RangeError' ? RangeError : Error;
  const error = Object.assign(new kind(message), code === undefined ? {} : { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}
