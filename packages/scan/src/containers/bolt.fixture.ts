/** A bucket to be made: a value, or a bucket, by each key. */
export interface BoltTree {
  readonly [key: string]: Buffer | BoltTree;
}

const PAGE_BYTES = 4096;
const FLAG = { branch: 0x01, leaf: 0x02, meta: 0x04 } as const;

/**
 * A bbolt database (go.etcd.io/bbolt 1.3, page.go): the two meta pages, then pages of the buckets. Buckets
 * without others in them are within their parent's page, as bbolt has small ones; a bucket of more than
 * `perLeaf` keys has a branch page above its leaves.
 */
export function makeBoltDatabase(tree: BoltTree, perLeaf = 4): Buffer {
  const pages: Buffer[] = [Buffer.alloc(0), Buffer.alloc(0)];
  const root = addBucket(pages, tree, perLeaf);
  for (const [i, txid] of [1n, 2n].entries()) {
    // The older one leads nowhere.
    pages[i] = makeMeta(i, txid === 2n ? root : 9_999, txid);
  }
  return Buffer.concat(pages);
}

function addBucket(pages: Buffer[], tree: BoltTree, perLeaf: number): number {
  const elements = Object.entries(tree)
    .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    .map(([key, value]) => makeElement(pages, key, value, perLeaf));
  if (elements.length <= perLeaf) return addPage(pages, FLAG.leaf, layOut(elements));
  const children: Element[] = [];
  for (let i = 0; i < elements.length; i += perLeaf) {
    const part = elements.slice(i, i + perLeaf);
    const page = addPage(pages, FLAG.leaf, layOut(part));
    children.push({ flags: 0, key: part[0]?.key ?? Buffer.alloc(0), value: Buffer.alloc(0), page });
  }
  return addPage(pages, FLAG.branch, layOut(children));
}

interface Element {
  readonly flags: number;
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of a branch: where its key and what comes after it is. */
  readonly page?: number;
}

function makeElement(
  pages: Buffer[],
  name: string,
  value: Buffer | BoltTree,
  perLeaf: number,
): Element {
  const key = Buffer.from(name);
  if (Buffer.isBuffer(value)) return { flags: 0, key, value };
  const header = Buffer.alloc(16);
  const values = Object.entries(value);
  if (values.every(([, each]) => Buffer.isBuffer(each)) && values.length <= perLeaf) {
    const inner = values.map(([each, bytes]) => makeElement(pages, each, bytes, perLeaf));
    return {
      flags: 1,
      key,
      value: Buffer.concat([header, layOutPage(0, FLAG.leaf, layOut(inner))]),
    };
  }
  header.writeBigUInt64LE(BigInt(addBucket(pages, value, perLeaf)));
  return { flags: 1, key, value: header };
}

function layOut(elements: readonly Element[]): { readonly count: number; readonly bytes: Buffer } {
  const table = Buffer.alloc(elements.length * 16);
  const data: Buffer[] = [];
  let end = table.length;
  for (const [i, { flags, key, value, page }] of elements.entries()) {
    const at = i * 16;
    if (page === undefined) {
      table.writeUInt32LE(flags, at);
      table.writeUInt32LE(end - at, at + 4);
      table.writeUInt32LE(key.length, at + 8);
      table.writeUInt32LE(value.length, at + 12);
    } else {
      table.writeUInt32LE(end - at, at);
      table.writeUInt32LE(key.length, at + 4);
      table.writeBigUInt64LE(BigInt(page), at + 8);
    }
    data.push(key, value);
    end += key.length + value.length;
  }
  return { count: elements.length, bytes: Buffer.concat([table, ...data]) };
}

function layOutPage(
  number: number,
  flags: number,
  { count, bytes }: { readonly count: number; readonly bytes: Buffer },
): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(number));
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(count, 10);
  return Buffer.concat([header, bytes]);
}

function addPage(pages: Buffer[], flags: number, laidOut: ReturnType<typeof layOut>): number {
  const number = pages.length;
  const page = layOutPage(number, flags, laidOut);
  const count = Math.ceil(page.length / PAGE_BYTES);
  page.writeUInt32LE(count - 1, 12);
  const whole = Buffer.alloc(count * PAGE_BYTES);
  page.copy(whole);
  for (let i = 0; i < count; i += 1)
    pages.push(whole.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES));
  return number;
}

function makeMeta(number: number, root: number, txid: bigint): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeBigUInt64LE(BigInt(number));
  page.writeUInt16LE(FLAG.meta, 8);
  const meta = page.subarray(16, 16 + 64);
  meta.writeUInt32LE(0xed0c_daed, 0);
  meta.writeUInt32LE(2, 4);
  meta.writeUInt32LE(PAGE_BYTES, 8);
  meta.writeBigUInt64LE(BigInt(root), 16);
  meta.writeBigUInt64LE(txid, 48);
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of meta.subarray(0, 56)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  meta.writeBigUInt64LE(hash, 56);
  return page;
}
