import { CasemateError } from "@casemate/core";

/** A run of guest-physical addresses `[start, end)` that QEMU answers from `block` at byte `offset`. */
export interface RamRun {
  readonly start: number;
  readonly end: number;
  readonly block: string;
  readonly offset: number;
}

/** No machine has near as many; QEMU is HOSTILE once a guest broke out of it. */
const MAX_RUNS = 4096;

/** `  0000000000100000-000000007fffffff (prio 0, ram): pc.ram @0000000000100000 KVM` */
const LINE =
  /^ +([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom)\): (.+?)(?: @([0-9a-f]{16}))?(?: KVM)?$/;

/**
 * Where guest RAM is, out of what HMP `info mtree -f` prints; `backends` are the ids of the machine's
 * memory backends (QMP `query-memdev`), which tells RAM from video memory and firmware.
 *
 * RAM that the firmware has write-protected (PAM, shown as `rom`) counts; RAM under a device does not.
 * Throws `memory/unsupported` when the text has no such RAM or contradicts itself.
 */
export function parseRamRuns(mtree: string, backends: ReadonlySet<string>): readonly RamRun[] {
  const view = mtree
    .replaceAll("\r", "")
    .split(/^FlatView #\d+$/m)
    .find((text) => /^ AS "memory", root: system$/m.test(text));
  if (view === undefined) throw unreadable("no view of the address space `memory`");
  const runs: RamRun[] = [];
  for (const line of view.split("\n")) {
    const match = LINE.exec(line);
    const block = match?.[4] ?? "";
    // Machine types before 4.0 name a block by its path, `/objects/ram0`.
    if (match === null || !backends.has(block.replace(/^\/objects\//, ""))) continue;
    const start = Number.parseInt(match[1] ?? "", 16);
    const end = Number.parseInt(match[2] ?? "", 16) + 1;
    const offset = Number.parseInt(match[5] ?? "0", 16);
    const last = runs.at(-1);
    if (!Number.isSafeInteger(end) || !Number.isSafeInteger(offset + end) || start >= end) {
      throw unreadable(`the line \`${line.trim()}\``);
    }
    if (start % 4096 !== 0 || end % 4096 !== 0 || offset % 4096 !== 0) {
      throw unreadable(`the line \`${line.trim()}\`, which is no whole pages`);
    }
    if (last !== undefined && start < last.end) throw unreadable("overlapping lines");
    if (
      last?.end === start &&
      last.block === block &&
      last.offset + (start - last.start) === offset
    )
      runs[runs.length - 1] = { ...last, end };
    else runs.push({ start, end, block, offset });
    if (runs.length > MAX_RUNS) throw unreadable(`more than ${MAX_RUNS} runs of RAM`);
  }
  if (runs.length === 0) throw unreadable("no RAM");
  return runs;
}

/** The host address out of what HMP `gpa2hva` prints: `Host virtual address for 0x0 (pc.ram) is 0x7f…`. */
export function parseHostAddress(text: string): number {
  const match = /^Host virtual address for 0x[0-9a-f]+ \(.+\) is 0x([0-9a-f]{1,16})\s*$/m.exec(
    text,
  );
  const address = Number.parseInt(match?.[1] ?? "", 16);
  if (!Number.isSafeInteger(address)) throw unreadable(`\`${text.trim().slice(0, 100)}\``);
  return address;
}

function unreadable(seen: string): CasemateError {
  return new CasemateError(
    "memory/unsupported",
    `Cannot find the guest's RAM: QEMU's monitor showed ${seen}, expected its RAM layout.`,
  );
}
