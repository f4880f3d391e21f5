// Values of options: text in, number or text out; what is wrong with a value is said together with what is allowed.

import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { parsePin } from '../pki.ts';

/** A UDP port; 0 is any free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) throw new InvalidArgumentError('Allowed are 0 to 65535.');
  return port;
}

/** An IP address, collected into a list. */
export function parseAddresses(text: string, before: string[] | undefined): string[] {
  if (isIP(text) === 0) throw new InvalidArgumentError('Allowed are IP addresses, such as 127.0.0.1 or ::1.');
  return [...(before ?? []), text];
}

/** An address and a TCP port: `9464` (on 127.0.0.1), `0.0.0.0:9464`, `[::]:9464`. */
export function parsePlace(text: string): { address: string; port: number } {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '127.0.0.1';
  const port = Number(match?.[3]);
  if (match === null || isIP(address) === 0 || port > 65535)
    throw new InvalidArgumentError('Allowed is [address:]port, such as 9464, 0.0.0.0:9464 or [::]:9464.');
  return { address, port };
}

/** Any text, collected into a list. */
export function parseList(text: string, before: string[] | undefined): string[] {
  if (text === '') throw new InvalidArgumentError('It may not be empty.');
  return [...(before ?? []), text];
}

/** A SHA-256 of a certificate or key, collected into a list. */
export function parsePins(text: string, before: string[] | undefined): string[] {
  try {
    parsePin(text);
  } catch {
    throw new InvalidArgumentError(
      'Allowed is the SHA-256 of a certificate or of its key, 64 hexadecimal digits or base64, as the server prints it.',
    );
  }
  return [...(before ?? []), text];
}

/** A number of bytes: `1000000`, `1M`, `1.5G` (powers of 1000), `64Ki`, `2Mi` (powers of 1024). */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:([kmgt])(i?))?b?$/i.exec(text);
  const power = match?.[2] === undefined ? 0 : 'kmgt'.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.round(Number(match?.[1]) * (match?.[3] ? 1024 : 1000) ** power);
  if (match === null || bytes > MOST_BYTES) {
    throw new InvalidArgumentError('Allowed are bytes, such as 1000000, 500k, 1M, 2.5G or 64Ki.');
  }
  return bytes;
}

/** A whole number from 1 to a million. */
export const parseCount: (text: string) => number = (text) => parseWhole(1, 1_000_000)(text);

/** A whole number within bounds. */
export function parseWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`Allowed are whole numbers from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Seconds, above 0 and up to a day, as milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > 86_400) {
    throw new InvalidArgumentError('Allowed are seconds, above 0 and up to 86400.');
  }
  return Math.max(1, Math.round(seconds * 1000));
}

const MOST_BYTES = 1e13;
