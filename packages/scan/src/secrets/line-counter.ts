const LINE_FEED = 0x0a;

/** Numbers of lines in a text that comes in pieces, asked in the order of places; counted when asked alone. */
export class LineCounter {
  #line = 1;
  #at = 0;

  /** The line that byte `at` of `bytes` is in, from 1 on. */
  lineAt(bytes: Buffer, at: number): number {
    for (
      let end = bytes.indexOf(LINE_FEED, this.#at);
      end >= 0 && end < at;
      end = bytes.indexOf(LINE_FEED, this.#at)
    ) {
      this.#line += 1;
      this.#at = end + 1;
    }
    return this.#line;
  }

  /** The piece is `bytes` up to `to`; the next one goes on at byte `from` of its own. */
  next(bytes: Buffer, to: number, from: number): void {
    this.lineAt(bytes, to);
    this.#at = from;
  }
}
