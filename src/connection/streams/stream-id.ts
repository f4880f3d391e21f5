// What the two low bits of a stream id say (RFC 9000 §2.1). Knows no streams.

/** `bidi`: data both ways; `uni`: from the initiator only. */
export type StreamDirection = 'bidi' | 'uni';

/** Bit 0: opened by the server. */
export const SERVER_BIT = 1;

/** Bit 1: unidirectional. */
export const UNI_BIT = 2;

/** Largest count of streams of one type whose ids are exact numbers; larger limits of a peer are clamped to it. */
export const MAX_STREAM_COUNT: number = 2 ** 51;

/** The type, 0 to 3. Bit operations keep the low bits of any safe integer. */
export function streamType(id: number): number {
  return id & 3;
}

/** Position among the streams of its type, from 0. */
export function streamIndex(id: number): number {
  return (id - (id & 3)) / 4;
}

export function streamIdAt(type: number, index: number): number {
  return index * 4 + type;
}

/** 0 for bidirectional, 1 for unidirectional: the place in arrays that hold one value per direction. */
export function directionIndex(direction: StreamDirection): 0 | 1 {
  return direction === 'uni' ? 1 : 0;
}
