import { readFileSync } from "node:fs";
import { MiB, milliseconds } from "@casemate/core";
import { openFileSystem } from "@casemate/formats/disk";
import type { Missed } from "../missed.ts";
import { runSections } from "../run-sections.ts";
import { ScanBudget } from "../scan-budget.ts";
import type { Section } from "../section.ts";
import { diskOf, makeScratch, run } from "../system.fixture.ts";
import { SystemLook } from "../system-look.ts";

/** A look at an ext4 file system with what is in a directory, made by mke2fs: owners, modes and links as they are. */
export function lookAtTree(tree: string, sizeMiB = 16): SystemLook {
  using scratch = makeScratch();
  const image = scratch.path("image");
  run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, image, `${sizeMiB}M`);
  const bytes = readFileSync(image);
  return new SystemLook(openFileSystem(diskOf(bytes)), new ScanBudget(milliseconds(60_000)));
}

/** What a section says of a look, and what was missed. */
export function runSection<Row extends object>(
  look: SystemLook,
  rows: Section<Row>,
): { readonly rows: readonly Row[]; readonly missed: readonly Missed[] } {
  const budget = new ScanBudget(milliseconds(60_000));
  const { found } = runSections<{ rows: Row }>(look, { rows }, { budget, only: ["rows"] });
  return { rows: found.rows ?? [], missed: look.missed };
}

/** A tree of a size that no test has by chance: more than one chunk of what is hashed at once. */
export const LARGE_FILE = Buffer.alloc(2 * MiB + 12_345, "large file ");
