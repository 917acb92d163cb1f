import { damaged } from "./btrfs-error.ts";
import type { TreeRoot } from "./btrfs-superblock.ts";
import type { TreeBlocks } from "./tree-blocks.ts";
import { compareKeys, compareWithKey, type TreeKey } from "./tree-key.ts";
import { childOf, itemOf, keyAt, type TreeItem, type TreeNode } from "./tree-node.ts";

/** A block on the way from the root to an item. */
interface Step {
  readonly node: TreeNode;
  /** The entry that was followed; in a leaf the item, -1 before the first. */
  index: number;
  /** The block and the entry whose key all keys of this block sort before; `undefined` without one. */
  readonly end: { readonly node: TreeNode; readonly index: number } | undefined;
}

/**
 * A B-tree of items by key.
 *
 * HOSTILE: a block is a level lower than the one above it, begins with the key that is told there and ends
 * before the next one: whatever a tree's blocks refer to, a walk comes to each of them once.
 */
export class BtrfsTree {
  readonly #blocks: TreeBlocks;
  readonly #root: TreeRoot;

  constructor(blocks: TreeBlocks, root: TreeRoot) {
    this.#blocks = blocks;
    this.#root = root;
  }

  /** The item of a key. Throws `disk/damaged`, `disk/truncated`, as all functions here. */
  find(key: TreeKey): TreeItem | undefined {
    const leaf = this.#seek(key).at(-1);
    if (leaf === undefined || leaf.index < 0) return undefined;
    const { node, index } = leaf;
    return compareWithKey(node.bytes, keyAt(node, index), key) === 0
      ? itemOf(node, index)
      : undefined;
  }

  /** The last item whose key is `key` or sorts before it. */
  findAtOrBefore(key: TreeKey): TreeItem | undefined {
    const leaf = this.#seek(key).at(-1);
    return leaf === undefined || leaf.index < 0 ? undefined : itemOf(leaf.node, leaf.index);
  }

  /** The items of an object and a type, from `offset` on. */
  *walk(objectid: number, type: number, offset = 0): Generator<TreeItem> {
    const key = { objectid, type, offset };
    const path = this.#seek(key);
    const last = path.at(-1);
    const isExact =
      last !== undefined &&
      last.index >= 0 &&
      compareWithKey(last.node.bytes, keyAt(last.node, last.index), key) === 0;
    if (last !== undefined && !isExact) last.index += 1;
    for (let leaf = path.at(-1); leaf !== undefined; leaf = path.at(-1)) {
      for (; leaf.index < leaf.node.count; leaf.index += 1) {
        const item = itemOf(leaf.node, leaf.index);
        if (item.key.objectid !== objectid || item.key.type !== type) return;
        yield item;
      }
      this.#goOn(path);
    }
  }

  /** The way to the last item at or before a key. */
  #seek(key: TreeKey): Step[] {
    const root = { node: this.#blocks.read(this.#root), index: 0, end: undefined };
    const path: Step[] = [root];
    for (let step: Step = root; ; ) {
      step.index = lastAtOrBefore(step.node, key);
      if (step.node.level === 0) return path;
      step.index = Math.max(step.index, 0);
      step = this.#descend(step);
      path.push(step);
    }
  }

  /** Leaves the last block of a path for the next of its level; the path is empty where none is. */
  #goOn(path: Step[]): void {
    path.pop();
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      if (step.index + 1 < step.node.count) {
        step.index += 1;
        while (step.node.level > 0) {
          step = this.#descend(step);
          path.push(step);
        }
        return;
      }
      path.pop();
    }
  }

  /** To the block below the entry that a step is at, and to its first entry. */
  #descend({ node: above, index, end: endAbove }: Step): Step {
    const { bytenr, generation } = childOf(above, index);
    const { id } = this.#root;
    const node = this.#blocks.read({ id, bytenr, level: above.level - 1, generation });
    const end = index + 1 < above.count ? { node: above, index: index + 1 } : endAbove;
    const isInPlace =
      node.count > 0 &&
      compareEntries(node, 0, above, index) === 0 &&
      (end === undefined || compareEntries(node, node.count - 1, end.node, end.index) < 0);
    if (!isInPlace) throw damaged(`the tree block ${bytenr}`, "keys of another place", "its own");
    return { node, index: 0, end };
  }
}

function compareEntries(first: TreeNode, a: number, second: TreeNode, b: number): number {
  return compareKeys(first.bytes, keyAt(first, a), second.bytes, keyAt(second, b));
}

/** The number of the last entry whose key is at or before `key`; -1 where all are after it. */
function lastAtOrBefore(node: TreeNode, key: TreeKey): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareWithKey(node.bytes, keyAt(node, middle), key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
