import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  bootTestGuest,
  ensureImage,
  fetchKernel,
  type KernelOptions,
  labCacheDir,
} from "@casemate/lab";
import { fuzzGuestOptions, fuzzGuests, keepFuzzDump } from "../fuzz/fuzz-dump.ts";
import { askGuest } from "./truth/ask-guest.ts";
import { formatKernelTable, type KernelAnswers, withoutReleases } from "./truth/kernel-table.ts";
import { allTruths } from "./truth/truths.ts";

const cacheDir = labCacheDir;
const page = join(import.meta.dirname, "../../../docs/kernels.md");

interface GuestKind extends Pick<KernelOptions, "suite" | "flavour"> {
  readonly title: string;
  /** QEMU's `-cpu`: with and without five-level paging. */
  readonly cpu: string;
}

/** Without the instruction whose flags QEMU 7.2 breaks. */
const FIVE_LEVELS = "max,cx16=off";
const FOUR_LEVELS = "max,la57=off,cx16=off";

/** Kernels from the oldest supported to the newest that Debian has anywhere, in each of its flavours. */
const kinds: readonly GuestKind[] = [
  { title: "Debian 11, cloud", suite: "bullseye", flavour: "cloud-amd64", cpu: FIVE_LEVELS },
  { title: "Debian 11, rt", suite: "bullseye", flavour: "rt-amd64", cpu: FOUR_LEVELS },
  { title: "Debian 12, cloud", suite: "bookworm", flavour: "cloud-amd64", cpu: FOUR_LEVELS },
  { title: "Debian 13, cloud", suite: "trixie", flavour: "cloud-amd64", cpu: FIVE_LEVELS },
  { title: "Debian 13, generic", suite: "trixie", flavour: "amd64", cpu: FOUR_LEVELS },
  { title: "Debian 13, rt", suite: "trixie", flavour: "rt-amd64", cpu: FIVE_LEVELS },
  { title: "sid, cloud", suite: "sid", flavour: "cloud-amd64", cpu: FOUR_LEVELS },
  { title: "experimental, generic", suite: "experimental", flavour: "amd64", cpu: FIVE_LEVELS },
];

/** What hostile memory is made from, if it is of such a guest: it need not be started twice. */
function fuzzGuestOf({ suite, flavour, cpu }: GuestKind) {
  if (flavour !== fuzzGuestOptions.flavour) return undefined;
  return fuzzGuests.find((guest) => guest.suite === suite && guest.cpu === cpu);
}

function fuzzedFirst(one: GuestKind, other: GuestKind): number {
  return Number(fuzzGuestOf(other) !== undefined) - Number(fuzzGuestOf(one) !== undefined);
}

const answered = new Map<GuestKind, KernelAnswers>();

/** Without KVM a guest keeps one core busy: two of them are done sooner. */
test("views: equal the guest's own word, live and in a dump", { concurrency: 2 }, async (t) => {
  await ensureImage({ cacheDir });
  await Promise.all(
    kinds.toSorted(fuzzedFirst).map((kind) =>
      t.test(`${kind.title}, ${kind.cpu}`, async (t) => {
        const { suite, flavour, cpu, title } = kind;
        const image = await ensureImage({ cacheDir });
        const kernel = await fetchKernel({ suite, flavour, cacheDir, busybox: image.busybox });
        await using guest = await bootTestGuest({ ...fuzzGuestOptions, cacheDir, kernel, cpu });
        const { outcomes, rows, rowsWithoutBtf, types } = await askGuest(guest, allTruths);
        const fuzzed = fuzzGuestOf(kind);
        if (fuzzed !== undefined) await keepFuzzDump(fuzzed, guest);
        answered.set(kind, { title, release: kernel.release, outcomes });
        for (const { truth, failure } of outcomes) {
          await t.test(`${truth.view}: ${truth.claim}`, () => {
            if (failure !== undefined) throw failure;
          });
        }
        await t.test(
          "attach: the types of a guest serve its dump whose BTF was overwritten",
          () => {
            assert.equal(types, "cached");
            assert.deepEqual(rowsWithoutBtf, rows);
          },
        );
      }),
    ),
  );
});

test("docs/kernels.md: says of each kernel and view what its guest answered", async () => {
  const table = formatKernelTable(kinds.flatMap((kind) => answered.get(kind) ?? []));
  if (process.argv.includes("--write")) await writeFile(page, table);
  assert.equal(withoutReleases(await readFile(page, "utf8")), withoutReleases(table));
});
