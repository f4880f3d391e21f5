// Promises that are settled from outside, and waiting that can be given up.

import { invalidArgType } from '../errors.ts';

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function defer<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** One promise for all calls that need not wait. */
export const RESOLVED: Promise<void> = Promise.resolve();

/**
 * The promise, which also rejects with the signal's reason when that fires; `cleanup` takes the wait back then. What is no
 * signal rejects with ERR_INVALID_ARG_TYPE.
 */
export function abortable<T>(
  deferred: Deferred<T>,
  signal: AbortSignal | undefined,
  cleanup: () => void,
): Promise<T> {
  if (signal === undefined) return deferred.promise;
  const isSignal = typeof signal?.addEventListener === 'function';
  if (!isSignal || signal.aborted) {
    cleanup();
    return Promise.reject(isSignal ? signal.reason : invalidArgType('signal', 'an AbortSignal', signal));
  }
  const onAbort = () => {
    cleanup();
    deferred.reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const stop = () => signal.removeEventListener('abort', onAbort);
  deferred.promise.then(stop, stop);
  return deferred.promise;
}

/**
 * Hands on what `get` returns: at once unless it is a promise. What it throws, or the promise rejects with, goes to
 * `failed`.
 */
export function settle<T>(
  get: () => T | PromiseLike<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  let value: T | PromiseLike<T>;
  try {
    value = get();
  } catch (error) {
    failed(error);
    return;
  }
  if (isPromiseLike(value)) value.then(done, failed);
  else done(value);
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
