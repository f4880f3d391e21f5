// The options that say which QUIC versions there may be, as users write them.

import { invalidArgType, outOfRange, quicError } from '../errors.ts';
import { isReservedVersion, versionInfo } from '../wire/versions.ts';

/** The option `versions`. Throws Node's argument errors and ERR_QUIC_UNKNOWN_VERSION. */
export function parseVersions(versions: unknown): readonly number[] | undefined {
  if (versions === undefined) return undefined;
  if (!Array.isArray(versions) || versions.length === 0)
    throw invalidArgType('versions', 'a list of at least one version', versions);
  for (const version of versions) {
    if (versionInfo(integer('versions', version)) !== undefined) continue;
    throw quicError('ERR_QUIC_UNKNOWN_VERSION', {
      message: `Option "versions" has 0x${version.toString(16)}; allowed are supported versions`,
    });
  }
  return Object.freeze([...(versions as number[])]);
}

/** The option `version`, beside `versions`; reserved ones may be tried too. Throws as {@link parseVersions}. */
export function parseVersion(version: unknown, versions: readonly number[] | undefined): number {
  if (version === undefined)
    return versions === undefined || versions.includes(1) ? 1 : (versions[0] as number);
  const parsed = integer('version', version);
  const isOffered = versions?.includes(parsed) ?? versionInfo(parsed) !== undefined;
  if (isOffered || isReservedVersion(parsed)) return parsed;
  throw quicError('ERR_QUIC_UNKNOWN_VERSION', {
    message: `Option "version" is 0x${parsed.toString(16)}; allowed are supported and reserved versions`,
  });
}

function integer(name: string, value: unknown): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (Number.isInteger(value) && value >= 1 && value <= 0xffff_ffff) return value;
  throw outOfRange(name, 'an integer >= 1 && <= 4294967295', value);
}
