import assert from "node:assert/strict";
import type { FileRow } from "../../src/index.ts";
import { makeMemory, quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { Truth } from "./truth.ts";

/** Open files of all processes but this one and the shell it runs in: /proc/PID/fd and fdinfo, names in hex. */
const READ_FILES = String.raw`
for my $pid (sort { $a <=> $b } grep { /^\d+$/ } map { s,/proc/,,r } glob "/proc/[0-9]*") {
  next if $pid == $$ || $pid == getppid;
  opendir my $directory, "/proc/$pid/fd" or next;
  for my $fd (sort { $a <=> $b } grep { /^\d+$/ } readdir $directory) {
    my $path = readlink "/proc/$pid/fd/$fd" // next;
    open my $info, "<", "/proc/$pid/fdinfo/$fd" or next;
    my %said = map { /^(\w+):\s*(\S+)/ ? ($1, $2) : () } <$info>;
    my @stat = stat "/proc/$pid/fd/$fd";
    my $type = sprintf "%o", $stat[2] >> 12;
    print join(" ", $pid, $fd, $type, $said{flags}, $said{pos}, $said{mnt_id}, $stat[1], unpack "H*", $path), "\n";
  }
}
`;

/** `S_IFMT` of each type, in octal. */
const TYPES = {
  pipe: "1",
  character: "2",
  directory: "4",
  block: "6",
  file: "10",
  link: "12",
  socket: "14",
  anonymous: "0",
} as const;

/** A row as a line of `READ_FILES`. */
function lineOf(row: FileRow): string {
  const { pid, fd, type, flags, position, mountId, inode, path } = row;
  const name = Buffer.from(path).toString("hex");
  return [pid, fd, TYPES[type], flags, position, mountId, inode, name].join(" ");
}

export const filesTruths: readonly Truth[] = [
  {
    view: "files",
    claim: "each descriptor of each process is as /proc/PID/fd and fdinfo show it",
    async prepare(run) {
      const { output, exitCode } = await run(makeMemory);
      assert.equal(exitCode, 0, output);
    },
    async compare(run, read) {
      const command = `perl -e ${quote(READ_FILES)}`;
      const { output, rows } = await readBoth<FileRow>(run, read, "files", command);
      const said = output.trimEnd().split("\n");
      const pids = new Set(said.map((line) => line.split(" ")[0]));
      // The guest's own command and its shell run only while it is asked.
      const seen = rows.filter(({ pid }) => pids.has(String(pid))).map(lineOf);
      assert.ok(said.length > 50, "a process with all kinds of files is among them");
      assert.deepEqual(seen.toSorted(), said.toSorted());
    },
  },
];
