/** A group for a test: its handler's calls written down, and an end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import {
  type GroupAddress,
  type GroupConnectionInfo,
  type GroupHandler,
  type GroupOptions,
  type ListenerKind,
  type ListenerSpecification,
  ListenGroup,
} from '../../src/group.ts';
import { targetOf } from './group-kinds.ts';

/** Gives back what comes, and ends when the client does. */
export async function echo(stream: Duplex): Promise<void> {
  for await (const chunk of stream) if (!stream.write(chunk)) await once(stream, 'drain');
}

/** Sends some words and waits for as many characters in answer. */
export async function talk(stream: Duplex, words: string): Promise<string> {
  stream.write(words);
  let answer = '';
  while (answer.length < words.length) {
    const chunk = stream.read();
    if (chunk === null) await once(stream, 'readable');
    else answer += chunk;
  }
  return answer;
}

/** A group that echoes, but for what `handler` says; it is shut down after the test, and its callbacks must not fail. */
export function makeGroup<Data = undefined>(
  t: TestContext,
  handler: Partial<GroupHandler<unknown, Data>> = {},
  options: GroupOptions = {},
): ListenGroup<unknown, Data> {
  const group = new ListenGroup<unknown, Data>(
    {
      connected: () => ({ handler: { run: echo } }) as never,
      errored: (error) => assert.fail(error as Error),
      ...handler,
    },
    options,
  );
  t.after(() => group.shutdown());
  return group;
}

/** Adds a listener of a kind under the name of the kind; gives where it is bound. */
export async function listenOn<Data>(
  group: ListenGroup<unknown, Data>,
  kind: ListenerKind,
  more: Partial<ListenerSpecification<unknown>> = {},
): Promise<GroupAddress> {
  const address = await group.addListener({ id: kind, listener: targetOf(kind), ...more });
  assert.ok(address !== null);
  return address;
}

/** The next connection that a group tells of. */
export async function nextConnected(group: ListenGroup<unknown, never>): Promise<GroupConnectionInfo> {
  const [info] = await once(group, 'connected');
  return info as GroupConnectionInfo;
}

/** Waits until something holds, looking at it after each turn of the loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
