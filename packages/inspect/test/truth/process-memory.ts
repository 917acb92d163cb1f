import assert from "node:assert/strict";
import type { CommandLineRow, EnvironRow, StringRow } from "../../src/index.ts";
import { makeMemory, quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(makeMemory);
  assert.equal(exitCode, 0, output);
}

async function readFact(run: RunInGuest, name: string): Promise<string> {
  return (await run(`cat /run/casemate-memory.${name}`)).output.trim();
}

/** A file of /proc/PID of all processes but this one and its shell: pid, then the bytes in hex. */
const readEach = (file: string) =>
  `perl -e ${quote(String.raw`
for my $pid (sort { $a <=> $b } grep { /^\d+$/ } map { s,/proc/,,r } glob "/proc/[0-9]*") {
  next if $pid == $$ || $pid == getppid;
  open my $file, "<", "/proc/$pid/${file}" or next; local $/;
  print "$pid ", unpack("H*", <$file> // ""), "\n";
}`)}`;

/** Bytes as /proc shows strings: each with its NUL. */
function asBytes(strings: readonly string[]): string {
  return Buffer.from(strings.map((text) => `${text}\0`).join("")).toString("hex");
}

/** Texts of `length` bytes at an address of a process, as strings(1) finds them: its offset, then the text in hex. */
const readTexts = (pid: string, at: string, length: number) =>
  `perl -e ${quote(String.raw`
open my $memory, "<", "/proc/${pid}/mem"; sysseek $memory, ${at}, 0; sysread $memory, my $bytes, ${length};
while ($bytes =~ /[\t -~]{6,}/g) { print $-[0], " ", unpack("H*", $&), "\n" }`)}`;

/** KiB in swap of the mapping that begins at an address, in hex as /proc shows it. */
const readSwap = (pid: string, at: string) =>
  `sed -n '/^${at}-/,/^VmFlags/s/^Swap: *\\([0-9]*\\) kB/\\1/p' /proc/${pid}/smaps`;

export const processMemoryTruths: readonly Truth[] = [
  {
    view: "cmdline",
    claim: "arguments, and titles written over them, are as /proc/PID/cmdline shows them",
    prepare,
    async compare(run, read) {
      const command = readEach("cmdline");
      const { output, rows } = await readBoth<CommandLineRow>(run, read, "cmdline", command);
      const said = new Map(
        output
          .trimEnd()
          .split("\n")
          .map((line) => line.split(" ") as [string, string]), // as the command writes them
      );
      const known = rows.filter(({ pid }) => said.has(String(pid)));
      assert.ok(known.some((row) => row.arguments.includes("third one")));
      for (const row of known) {
        // Whether the last one has a NUL is for /proc to say: a title has not.
        const bytes = (said.get(String(row.pid)) ?? "").replace(/(00)*$/, "");
        assert.equal(asBytes(row.arguments).replace(/(00)*$/, ""), bytes, `of ${row.name}`);
        assert.equal(row.missingBytes, 0);
      }
    },
  },
  {
    view: "environ",
    claim: "names and values are as /proc/PID/environ shows them",
    prepare,
    async compare(run, read) {
      const pid = await readFact(run, "pid");
      const { output } = await run(`perl -ne 'print unpack("H*", $_)' /proc/${pid}/environ`);
      const rows = (await read("environ", pid)) as unknown as readonly EnvironRow[]; // what that view's rows are
      assert.equal(asBytes(rows.map(({ name, value }) => `${name}=${value}`)), output);
      const secret = rows.find(({ name }) => name === "CASEMATE_SECRET");
      assert.deepEqual(secret, { name: "CASEMATE_SECRET", value: "a b=c", missingBytes: 0 });
    },
  },
  {
    view: "strings",
    claim: "texts and their addresses are those that the guest finds in /proc/PID/mem",
    prepare,
    async compare(run, read) {
      const pid = await readFact(run, "pid");
      const at = await readFact(run, "texts");
      const length = 65_536;
      const { output } = await run(readTexts(pid, at, length));
      const rows = (await read("strings", pid)) as unknown as readonly StringRow[]; // what that view's rows are
      const start = BigInt(at);
      const seen = rows
        .map((row) => ({ offset: BigInt(row.address) - start, text: row.text }))
        .filter(({ offset, text }) => text !== null && offset >= 0n && offset < length)
        .map(({ offset, text }) => `${offset} ${Buffer.from(text ?? "").toString("hex")}`);
      assert.ok(seen.length > 500);
      assert.deepEqual(seen, output.trimEnd().split("\n"));
    },
  },
  {
    view: "strings",
    claim: "what is swapped out is said, as much as /proc/PID/smaps says",
    prepare,
    async compare(run, read) {
      const pid = await readFact(run, "pid");
      const at = BigInt(await readFact(run, "swapped"));
      const { output } = await run(readSwap(pid, at.toString(16)));
      const swappedBytes = Number(output.trim()) * 1024;
      assert.equal(swappedBytes, 65_536, "the guest has swap");
      const rows = (await read("strings", pid)) as unknown as readonly StringRow[]; // what that view's rows are
      const row = rows.find(({ address, text }) => text === null && BigInt(address) === at);
      assert.deepEqual([row?.swappedBytes, row?.absentBytes], [swappedBytes, 0]);
    },
  },
];
