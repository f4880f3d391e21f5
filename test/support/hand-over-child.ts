/** A process with one listener among several on a port: `port shard folder`. Says when it is ready; tells its numbers when asked. */
import { listen, ProcessHandOver } from '../../src/index.ts';
import { makeTestIdentity } from './certificates.ts';

const [port, shard, folder] = process.argv.slice(2);
const { certPem, keyPem, caPem } = makeTestIdentity();
const listener = await listen({
  address: '127.0.0.1',
  port: Number(port),
  alpn: 'test',
  cert: certPem,
  key: keyPem,
  shard: Number(shard),
  handOver: new ProcessHandOver({ folder }),
});
process.on('message', () => {
  const { counters, connections } = listener.endpoint;
  const lost = counters.dropped['foreign-id'];
  process.send?.({ foreign: counters.foreign, lost, connections: connections.length });
});
process.on('disconnect', () => void listener.close());
process.send?.({ port: listener.port, caPem });

for await (const connection of listener) {
  void (async () => {
    for await (const stream of connection.incomingStreams()) {
      await stream.write(new TextEncoder().encode(shard));
      void stream.end();
    }
  })().catch(() => {});
}
