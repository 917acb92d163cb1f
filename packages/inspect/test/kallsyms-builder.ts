/** The layouts of scripts/kallsyms.c, named for the first kernel that has each. */
export const KALLSYMS_LAYOUTS = ["5.10", "6.2", "6.4", "6.15", "7.x"] as const;
export type KallsymsLayout = (typeof KALLSYMS_LAYOUTS)[number];

export interface BuiltSymbol {
  readonly name: string;
  readonly type: string;
  readonly address: bigint;
}

export interface BuiltKallsyms {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Offset of the token of the digit 0. */
  readonly zero: number;
  /** In the order of addresses. */
  readonly symbols: readonly BuiltSymbol[];
}

const MARKER_SPACING = 256;
/** Tokens of several characters, at numbers that names do not use as characters. */
const LONG_TOKENS: ReadonlyMap<number, string> = new Map([
  [0x01, "sys_"],
  [0x02, "__x64_"],
  [0x80, "Tkernel_"],
  [0x81, "function_"],
  [0xff, "init"],
]);

/**
 * Makes the kallsyms tables of `symbols` at `address` as the layout has them, with tokens of one and of
 * several characters.
 */
export function buildKallsyms(
  layout: KallsymsLayout,
  symbols: readonly BuiltSymbol[],
  address: bigint,
  relativeBase: bigint,
): BuiltKallsyms {
  const sorted = [...symbols].sort((a, b) => (a.address < b.address ? -1 : 1));
  const alignment = layout === "7.x" ? 4 : 8;
  const tokens = Array.from({ length: 256 }, (_, token) => {
    const long = LONG_TOKENS.get(token);
    return long ?? (token > 0x20 && token < 0x7f ? String.fromCharCode(token) : "");
  });

  const compressed = sorted.map(({ name, type }) => compress(type + name, tokens));
  const markers: number[] = [];
  const names: number[] = [];
  compressed.forEach((name, i) => {
    if (i % MARKER_SPACING === 0) markers.push(names.length);
    if (name.length >= 0x80) names.push((name.length & 0x7f) | 0x80, name.length >> 7);
    else names.push(name.length);
    names.push(...name);
  });
  const tokenTable = Buffer.from(tokens.map((token) => `${token}\0`).join(""), "latin1");
  const tokenIndex = Buffer.alloc(512);
  let position = 0;
  tokens.forEach((token, i) => {
    tokenIndex.writeUInt16LE(position, i * 2);
    position += token.length + 1;
  });

  const out: number[] = [];
  const put = (bytes: Iterable<number>) => {
    while (out.length % alignment !== 0) out.push(0);
    const at = out.length;
    for (const byte of bytes) out.push(byte);
    return at;
  };
  const count = () => put(uint32(sorted.length));
  const offsets = () => {
    while (out.length % alignment !== 0) out.push(0);
    const start = address + BigInt(out.length);
    const values = sorted.map((symbol, i) =>
      offset(layout, symbol.address, relativeBase, start + BigInt(i * 4)),
    );
    put(values.flatMap(int32));
  };
  const base = () => put(uint64(relativeBase));
  const byName = sorted
    .map((_, i) => i)
    .sort((a, b) => ((sorted[a]?.name ?? "") < (sorted[b]?.name ?? "") ? -1 : 1));
  const sequence = () => put(byName.flatMap((i) => [(i >> 16) & 0xff, (i >> 8) & 0xff, i & 0xff]));
  let table = 0;

  if (layout === "5.10" || layout === "6.2") {
    offsets();
    base();
    count();
    put(names);
    put(markers.flatMap(uint32));
    if (layout === "6.2") sequence();
    table = put(tokenTable);
    put(tokenIndex);
  } else {
    count();
    put(names);
    put(markers.flatMap(uint32));
    table = put(tokenTable);
    put(tokenIndex);
    offsets();
    if (layout !== "7.x") base();
    sequence();
  }
  const zero = table + tokenIndex.readUInt16LE(0x30 * 2);
  return { bytes: Uint8Array.from(out), zero, symbols: sorted };
}

function offset(layout: KallsymsLayout, address: bigint, base: bigint, place: bigint): number {
  switch (layout) {
    case "7.x":
      return Number(BigInt.asIntN(64, address - place));
    case "6.15":
      return Number(address - base);
    default:
      // CONFIG_KALLSYMS_ABSOLUTE_PERCPU: per-CPU symbols as they are, others below zero.
      return address < base ? Number(address) : Number(base - 1n - address);
  }
}

/** Greedy, longest token first: not as good as the kernel's, and as valid. */
function compress(text: string, tokens: readonly string[]): number[] {
  const out: number[] = [];
  for (let at = 0; at < text.length; ) {
    let best = text.charCodeAt(at);
    for (const [token, long] of LONG_TOKENS) {
      if (text.startsWith(long, at) && long.length > (tokens[best]?.length ?? 0)) best = token;
    }
    out.push(best);
    at += tokens[best]?.length ?? 1;
  }
  return out;
}

const uint32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const int32 = (value: number) => uint32(value >>> 0);
const uint64 = (value: bigint) => [
  ...uint32(Number(value & 0xffff_ffffn)),
  ...uint32(Number(value >> 32n)),
];
