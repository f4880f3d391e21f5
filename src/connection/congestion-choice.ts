// Another congestion controller for a connection that is under way.

import { quicError } from '../errors.ts';
import { CONGESTION_CONTROLLERS } from '../recovery/congestion.ts';
import type { ConnectionCore } from './connection.ts';

/**
 * Puts the named controller in charge of all paths, present and to come; each goes on from its window and from what it
 * measured. Throws ERR_QUIC_CONGESTION_CONTROL for another name.
 */
export function switchCongestionControl(core: ConnectionCore, name: string): void {
  if (!Object.hasOwn(CONGESTION_CONTROLLERS, name)) {
    const names = Object.keys(CONGESTION_CONTROLLERS).map((each) => `'${each}'`);
    throw quicError('ERR_QUIC_CONGESTION_CONTROL', {
      message: `There is no congestion control '${String(name)}'; there are ${names.join(', ')}`,
    });
  }
  core.transport = { ...core.transport, congestionControl: name };
  for (const { recovery } of core.paths.all) recovery.setCongestionControl(name);
}
