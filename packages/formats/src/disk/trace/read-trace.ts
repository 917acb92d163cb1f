/** Spans are kept as they come up to so many, and then put in order; beyond half of that, gaps go too. */
const MAX_SPANS = 65_536;
/** HOSTILE: a package's list may have any number of paths; beyond so many, their directories count as read. */
const MAX_LOOKUPS = 10_000;

/** What was taken of another trace, to take only what is new of it the next time. */
interface Taken {
  readonly generation: number;
  readonly length: number;
}

/**
 * Which bytes of a system's disks something was made of. Places are those of `traceDisk`: all disks of a
 * system behind each other.
 */
export class ReadTrace {
  /** Start and end of each span, one after the other, as they were noted. */
  #spans: number[] = [];
  /** Counts up when the spans are put in order, so that places in them mean nothing any more. */
  #generation = 0;
  #taken: Map<ReadTrace, Taken> | undefined;
  /** What names led to, by their paths; `undefined` where the bytes that tell so count as read instead. */
  readonly lookups: Map<string, string> | undefined;
  readonly #facts: string[] = [];
  readonly #displaced: number[] = [];

  constructor({ takesLookups = false }: { readonly takesLookups?: boolean } = {}) {
    this.lookups = takesLookups ? new Map() : undefined;
  }

  /** Bytes `start` to before `end` were read. */
  note(start: number, end: number): void {
    const spans = this.#spans;
    const last = spans.length - 2;
    const lastStart = spans[last];
    const lastEnd = spans[last + 1];
    if (
      lastStart !== undefined &&
      lastEnd !== undefined &&
      start >= lastStart &&
      start <= lastEnd
    ) {
      if (end > lastEnd) spans[last + 1] = end;
      return;
    }
    spans.push(start, end);
    if (spans.length > 2 * MAX_SPANS) this.#compact();
  }

  /** All that is in `other` was read. */
  noteAll(other: ReadTrace): void {
    if (other === this) return;
    const taken = this.#taken?.get(other);
    const from = taken?.generation === other.#generation ? taken.length : 0;
    const { length } = other.#spans;
    for (let at = from; at < length; at += 2) {
      this.note(other.#spans[at] ?? 0, other.#spans[at + 1] ?? 0);
    }
    if (length === 0) return;
    this.#taken ??= new Map();
    // The last span may still grow.
    this.#taken.set(other, { generation: other.#generation, length: length - 2 });
  }

  /** A name led there. Returns false where that is to be told by the bytes that it was found in. */
  noteLookup(path: string, found: string): boolean {
    if (this.lookups === undefined || this.lookups.size >= MAX_LOOKUPS) return false;
    this.lookups.set(path, found);
    return true;
  }

  /** Something went by this value alone, and not by the bytes that it is in. */
  noteFact(value: string): void {
    this.#facts.push(value);
  }

  /** Bytes that something else is read in place of: a journal has what is newer. */
  noteDisplaced(spans: readonly number[]): void {
    for (const place of spans) this.#displaced.push(place);
  }

  /** Start and end of each span, sorted, none touching the next. */
  get spans(): readonly number[] {
    return sortSpans(this.#spans);
  }

  get facts(): readonly string[] {
    return this.#facts;
  }

  get displaced(): readonly number[] {
    return sortSpans(this.#displaced);
  }

  /** HOSTILE: files may be in any number of pieces; what lies between counts as read then. */
  #compact(): void {
    const sorted = sortSpans(this.#spans);
    const isMany = sorted.length > MAX_SPANS;
    this.#spans = isMany ? [sorted[0] ?? 0, sorted.at(-1) ?? 0] : sorted;
    this.#generation += 1;
  }
}

/** Spans in order, joined where they touch: start and end of each, one after the other. */
export function sortSpans(spans: readonly number[]): number[] {
  if (spans.length <= 2) return [...spans];
  const pairs: (readonly [start: number, end: number])[] = [];
  for (let at = 0; at < spans.length; at += 2) pairs.push([spans[at] ?? 0, spans[at + 1] ?? 0]);
  pairs.sort(([one], [other]) => one - other);
  const sorted: number[] = [];
  for (const [start, end] of pairs) {
    const lastEnd = sorted.at(-1);
    if (lastEnd === undefined || start > lastEnd) sorted.push(start, end);
    else if (end > lastEnd) sorted[sorted.length - 1] = end;
  }
  return sorted;
}
