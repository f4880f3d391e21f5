// The addon for tests, where it was built.

import { type NativeAddon, nativeState } from '../../src/runtime/native.ts';

const { addon, state } = nativeState();

/** Null without it. */
export const native: NativeAddon | null = addon;

/** For the option `skip` of a test that needs the addon: false, or the reason why it is skipped. */
export const withoutNative: string | false =
  addon !== null ? false : `the native addon is ${state === 'off' ? 'turned off' : 'not built'}`;
