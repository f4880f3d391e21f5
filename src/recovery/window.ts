// The first and the least congestion window of a path (RFC 9002 §7.2), the same for every controller.

/** Packets in the first window. */
export const INITIAL_WINDOW_PACKETS = 10;

/** Packets in the least window (kMinimumWindow). */
export const MIN_WINDOW_PACKETS = 2;

/** Ceiling of the first window where datagrams are large, bytes. */
const INITIAL_WINDOW_BYTES = 14_720;

/** The first window in bytes: ten packets, but no more than 14,720 bytes or two packets; in proportion for others. */
export function initialWindow(maxDatagramSize: number, packets: number = INITIAL_WINDOW_PACKETS): number {
  const ceiling = (INITIAL_WINDOW_BYTES * packets) / INITIAL_WINDOW_PACKETS;
  return Math.min(packets * maxDatagramSize, Math.max(ceiling, MIN_WINDOW_PACKETS * maxDatagramSize));
}
