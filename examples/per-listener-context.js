// What belongs to a listener, in a map of the application by the listener's id: how it greets, and how many it has greeted. One
// handler serves all listeners, and it is the same for all kinds.

import { ListenGroup } from 'quayside/group';
import { start } from './start.js';

/** @type {Map<unknown, { greeting: string, greeted: number }>} */
const contexts = new Map();

const group = new ListenGroup({
  bound: (id, _address) =>
    contexts.set(id, { greeting: `welcome to listener ${contexts.size + 1}`, greeted: 0 }),
  unbound: (id) => contexts.delete(id),
  connected: ({ listenerId, kind }) => {
    const context = contexts.get(listenerId);
    context.greeted++;
    return { data: context, handler: { run: (stream) => greet(stream, context, kind) } };
  },
});

await start(group, {
  fallback: ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', 'unix:context.sock?force', 'quic://127.0.0.1:0'],
  alpn: { tls: 'greet', quic: 'greet' },
});

/** Answers a line with the greeting of the listener that it came by. */
async function greet(stream, { greeting, greeted }, kind) {
  let line = '';
  for await (const chunk of stream) {
    line += chunk;
    if (line.includes('\n')) break;
  }
  stream.end(`${greeting}, ${line.trim()}: number ${greeted} over ${kind}\n`);
}
