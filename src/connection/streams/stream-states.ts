// The two state machines of a stream as tables: RFC 9000 §3.1 for its sending part, §3.2 for its receiving part.
// Owns the legal transitions; what leads to an event is decided by the parts themselves.

import { invariant } from '../../errors.ts';

/** RFC 9000 §3.1. */
export const SendState = {
  READY: 0,
  SEND: 1,
  DATA_SENT: 2,
  DATA_RECVD: 3,
  RESET_SENT: 4,
  RESET_RECVD: 5,
} as const;

export const SendEvent = {
  /** A STREAM or STREAM_DATA_BLOCKED frame goes out. */
  FRAME: 0,
  /** A STREAM frame with FIN goes out. */
  FIN: 1,
  /** The application gives up the data, or the peer asked for that. */
  RESET: 2,
  /** Every byte and the FIN are acknowledged. */
  ALL_ACKED: 3,
  /** RESET_STREAM is acknowledged. */
  RESET_ACKED: 4,
} as const;

const NO = -1;

/** `SEND_TRANSITIONS[state][event]`: the next state, or -1 where the event must not happen. */
export const SEND_TRANSITIONS: readonly (readonly number[])[] = [
  // FRAME                FIN                  RESET                 ALL_ACKED             RESET_ACKED
  [SendState.SEND, SendState.DATA_SENT, SendState.RESET_SENT, NO, NO], // READY
  [SendState.SEND, SendState.DATA_SENT, SendState.RESET_SENT, NO, NO], // SEND
  [SendState.DATA_SENT, SendState.DATA_SENT, SendState.RESET_SENT, SendState.DATA_RECVD, NO], // DATA_SENT
  [NO, NO, NO, NO, NO], // DATA_RECVD
  [NO, NO, NO, NO, SendState.RESET_RECVD], // RESET_SENT
  [NO, NO, NO, NO, NO], // RESET_RECVD
];

/** RFC 9000 §3.2. */
export const RecvState = {
  RECV: 0,
  SIZE_KNOWN: 1,
  DATA_RECVD: 2,
  DATA_READ: 3,
  RESET_RECVD: 4,
  RESET_READ: 5,
} as const;

export const RecvEvent = {
  /** A STREAM frame with FIN came. */
  FIN: 0,
  /** Every byte up to the final size is there, or is not wanted any more. */
  ALL_RECEIVED: 1,
  /** RESET_STREAM came. */
  RESET: 2,
  /** The application read the last byte and heard of the end. */
  READ_ALL: 3,
  /** The application heard of the reset. */
  READ_RESET: 4,
} as const;

/**
 * `RECV_TRANSITIONS[state][event]`. Frames of the peer come late and twice, so FIN and RESET are legal in every
 * state. A reset wins over data that was received and not read (quiche's choice among those of RFC 9000 §3.2).
 */
export const RECV_TRANSITIONS: readonly (readonly number[])[] = [
  // FIN                    ALL_RECEIVED          RESET                  READ_ALL             READ_RESET
  [RecvState.SIZE_KNOWN, NO, RecvState.RESET_RECVD, NO, NO], // RECV
  [RecvState.SIZE_KNOWN, RecvState.DATA_RECVD, RecvState.RESET_RECVD, NO, NO], // SIZE_KNOWN
  [RecvState.DATA_RECVD, NO, RecvState.RESET_RECVD, RecvState.DATA_READ, NO], // DATA_RECVD
  [RecvState.DATA_READ, NO, RecvState.DATA_READ, NO, NO], // DATA_READ
  [RecvState.RESET_RECVD, NO, RecvState.RESET_RECVD, NO, RecvState.RESET_READ], // RESET_RECVD
  [RecvState.RESET_READ, NO, RecvState.RESET_READ, NO, NO], // RESET_READ
];

/** The state after `event`; a forbidden pair is our own mistake. */
export function nextSendState(state: number, event: number): number {
  const next = SEND_TRANSITIONS[state][event];
  // The message is made only where it is needed: this runs for every frame.
  if (next === NO) invariant(false, `event ${event} in sending state ${state}`);
  return next;
}

/** The state after `event`; a forbidden pair is our own mistake. */
export function nextRecvState(state: number, event: number): number {
  const next = RECV_TRANSITIONS[state][event];
  if (next === NO) invariant(false, `event ${event} in receiving state ${state}`);
  return next;
}
