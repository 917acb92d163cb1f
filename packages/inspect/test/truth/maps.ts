import assert from "node:assert/strict";
import type { MapRow } from "../../src/index.ts";
import { makeMemory, quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

/** Lines of /proc/PID/maps, each after its pid, of all processes but this one and the shell it runs in. */
const READ_MAPS = String.raw`
sub slurp { open my $f, "<", $_[0] or return ""; local $/; return <$f> // "" }
for my $pid (sort { $a <=> $b } grep { /^\d+$/ } map { s,/proc/,,r } glob "/proc/[0-9]*") {
  next if $pid == $$ || $pid == getppid;
  open my $maps, "<", "/proc/$pid/maps" or next;
  my $heap = sprintf "%08x", (split / /, slurp("/proc/$pid/stat") =~ s/.*\) //sr)[44]; # start_brk
  # Older kernels call by that name, too, what ends where a heap would begin.
  while (<$maps>) { s/ *\[heap\]$// if /^\w+-$heap /; print "$pid $_" }
}
`;

const COMMAND = `perl -e ${quote(READ_MAPS)}`;

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(makeMemory);
  assert.equal(exitCode, 0, output);
}

/** A row as a line of `READ_MAPS`: show_map_vma. */
function lineOf(row: MapRow): string {
  const address = (text: string) => BigInt(text).toString(16).padStart(8, "0");
  const [major = 0, minor = 0] = row.device.split(":").map(Number);
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  const range = `${address(row.start)}-${address(row.end)}`;
  const place = `${address(row.offset)} ${hex(major)}:${hex(minor)} ${row.inode}`;
  const path = row.path.replaceAll("\n", "\\012");
  return `${row.pid} ${range} ${row.permissions} ${place} ${path}`;
}

/** Without the columns that align the path. */
function parseLine(line: string): string {
  const found = /^(\d+ \S+ \S+ \S+ \S+ \d+) *(.*)$/.exec(line);
  return `${found?.[1]} ${found?.[2]}`;
}

export const mapsTruths: readonly Truth[] = [
  {
    view: "maps",
    claim: "each VMA of each process is as /proc/PID/maps shows it",
    prepare,
    async compare(run, read) {
      const { output, rows } = await readBoth<MapRow>(run, read, "maps", COMMAND);
      const said = output.trimEnd().split("\n").map(parseLine);
      const pids = new Set(said.map((line) => line.split(" ")[0]));
      // The guest's own command and its shell run only while it is asked.
      const seen = rows.filter(({ pid }) => pids.has(String(pid))).map(lineOf);
      assert.ok(said.length > 2_000, "a process with two thousand VMAs is among them");
      assert.ok(
        said.some((line) => line.endsWith("/merged/sleep")),
        "a program on overlayfs is among them",
      );
      assert.deepEqual(seen.toSorted(), said.toSorted());
    },
  },
  {
    view: "maps",
    claim: "code in anonymous memory and in a memfd is marked, all else is not",
    prepare,
    async compare(run, read) {
      const pid = (await run("cat /run/casemate-memory.pid")).output.trim();
      const at = BigInt((await run("cat /run/casemate-memory.texts")).output.trim());
      const rows = (await read("maps", pid)) as unknown as readonly MapRow[]; // what that view's rows are
      assert.ok(rows.every((row) => row.pid === Number(pid)));
      const marked = rows.filter((row) => row.anonymousExecutable);
      assert.deepEqual(
        marked.map(({ start, path }) => (path === "" ? BigInt(start) : path)).toSorted(),
        [at, "/memfd:casemate fd (deleted)"].toSorted(),
      );
    },
  },
];
