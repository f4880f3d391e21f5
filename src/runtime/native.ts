// Loads the optional addon, once for a process: from where, whether it fits, and if not, why. Everything that can go wrong
// here leaves the portable path, without a word; `quayside doctor` tells what happened.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeProvider, type PacketKeyBinding } from '../crypto/native-aead.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { UdpBinding } from '../udp/native-binding.ts';
import { nativeSockets } from '../udp/native-socket.ts';
import type { SocketFactory } from '../udp/socket.ts';

/** What the addon exports. */
export interface NativeAddon extends PacketKeyBinding, UdpBinding {
  readonly interfaceVersion: number;
}

export interface NativeState {
  /** `off`: QUAYSIDE_NATIVE=0. `absent`: there is none. `unfit`: there is one that cannot be used. */
  readonly state: 'loaded' | 'off' | 'absent' | 'unfit';
  /** The file that was loaded or tried; null if there is none. */
  readonly file: string | null;
  /** Why it is not used; empty if it is. */
  readonly reason: string;
  readonly addon: NativeAddon | null;
  /** With the packet protection of the addon; null without it. */
  readonly provider: CryptoProvider | null;
  /** Sockets of the addon; null without it, or where they do not work. */
  readonly sockets: SocketFactory | null;
  /** Why there are none although the addon is loaded; empty otherwise. */
  readonly socketReason: string;
}

/** The state of the addon in this process. Loads it at the first call. */
export function nativeState(): NativeState {
  state ??= loadNative(process.env.QUAYSIDE_NATIVE ?? '');
  return state;
}

let state: NativeState | null = null;

/**
 * Loads what `setting` says, the value of QUAYSIDE_NATIVE: `0` nothing, a path that file, empty or `1` the addon that was
 * built for this package, else the one that came with it.
 */
export function loadNative(setting: string): NativeState {
  if (setting === '0') return unused('off', null, 'QUAYSIDE_NATIVE=0 turns it off');
  const named = setting === '' || setting === '1' ? null : resolve(setting);
  const files = named === null ? nativeFiles().filter((each) => existsSync(each)) : [named];
  const tried = files.map(tryFile);
  return (
    tried.find(({ addon }) => addon !== null) ??
    tried[0] ??
    unused('absent', null, 'it was not built; "npx quayside native build" does that')
  );
}

/** Where an addon is looked for: built here, then delivered with the package (for either C library of Linux). */
function nativeFiles(): string[] {
  const root = packageFolder();
  const system = `${process.platform}-${process.arch}`;
  return [
    join(root, 'build', 'native', 'quayside.node'),
    join(root, 'prebuilds', system, 'quayside.node'),
    join(root, 'prebuilds', `${system}-musl`, 'quayside.node'),
  ];
}

function tryFile(file: string): NativeState {
  try {
    return judge(file, createRequire(import.meta.url)(file) as Partial<NativeAddon>);
  } catch (error) {
    return unused('unfit', file, error instanceof Error ? error.message.split('\n', 1)[0] : String(error));
  }
}

function judge(file: string, addon: Partial<NativeAddon>): NativeState {
  if (addon.interfaceVersion !== INTERFACE_VERSION) {
    const reason = `it is of another version of quayside (interface ${addon.interfaceVersion}, not ${INTERFACE_VERSION}); build it again`;
    return unused('unfit', file, reason);
  }
  const whole = addon as NativeAddon;
  const { factory, problem } = nativeSockets(whole);
  const provider = nativeProvider(whole);
  return {
    state: 'loaded',
    file,
    reason: '',
    addon: whole,
    provider,
    sockets: factory,
    socketReason: problem,
  };
}

function unused(state: 'off' | 'absent' | 'unfit', file: string | null, reason: string): NativeState {
  return { state, file, reason, addon: null, provider: null, sockets: null, socketReason: '' };
}

function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Of native/src/addon.c. */
const INTERFACE_VERSION = 2;
