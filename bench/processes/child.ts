/**
 * A child process of a measurement and how the parent talks to it: one message with a task in, one with a result out,
 * and CPU time of the process around the part that counts.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Starts a module in a process of its own. */
export function startChild(
  file: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): ChildProcess {
  return fork(file, args, {
    execArgv: [...process.execArgv, ...nodeArgs],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

/** The next message of a child; an error if it ends first. */
export async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a measured process ended with code ${code}`);
  });
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message as T;
}

/** Sends a message and waits for the answer. */
export function ask<T>(child: ChildProcess, message: unknown): Promise<T> {
  const answer = nextMessage<T>(child);
  child.send(message as never);
  return answer;
}

export function stopChild(child: ChildProcess | null): void {
  if (child?.connected) child.disconnect();
  child?.kill();
}

/** CPU seconds of this process so far, all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
