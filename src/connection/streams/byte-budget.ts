// How many bytes of one kind may be held, here and, through the parent, by all connections together. Knows not what
// the bytes are.

/** A counter with a limit. A connection's budget has the endpoint's as its parent. */
export class ByteBudget {
  readonly limit: number;
  readonly parent: ByteBudget | null;
  used = 0;

  constructor(limit: number, parent: ByteBudget | null = null) {
    this.limit = limit;
    this.parent = parent;
  }

  /** Bytes that may still be taken, here and at every parent; never negative. */
  get available(): number {
    let room = this.limit - this.used;
    for (let each = this.parent; each !== null; each = each.parent) {
      const above = each.limit - each.used;
      if (above < room) room = above;
    }
    return Math.max(room, 0);
  }

  /** Counts bytes, also above the limit: what may be taken was asked before. */
  take(bytes: number): void {
    this.used += bytes;
    for (let each = this.parent; each !== null; each = each.parent) each.used += bytes;
  }

  release(bytes: number): void {
    this.take(-bytes);
  }
}
