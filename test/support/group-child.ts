// A process that serves one client of a kind and shuts its group down. It says so, and must then end by itself: nothing
// here exits, and a timer that keeps nothing alive turns a hang into a failure.

import { type ListenerKind, ListenGroup } from '../../src/group.ts';
import { clientOf, targetOf } from './group-kinds.ts';
import { echo, talk } from './group-stage.ts';

setTimeout(() => {
  console.log('still running');
  process.exit(1);
}, 10_000).unref();

const kind = process.argv[2] as ListenerKind;
const group = new ListenGroup({ connected: () => ({ handler: { run: echo } }) });
const address = await group.addListener({ id: kind, listener: targetOf(kind) });
if (address === null) throw new Error('not bound');
const client = await clientOf(kind, address);
// A second connection is never used, and nobody ends the first.
const idle = await clientOf(kind, address);
await talk(client.stream, 'hello');
console.log('served');
await group.shutdown();
await client.close();
await idle.close();
console.log('shut down');
