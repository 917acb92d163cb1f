import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CasemateError } from "@casemate/core";
import { type FileRangeRow, readFile } from "../../src/index.ts";
import { quote } from "./make-memory.ts";
import type { ReadView, RunInGuest, Truth } from "./truth.ts";

/** Files of every kind, in the page cache; names that are links, mounts, and links longer than an inode holds. */
const MAKE_FILES = `
[ -e /run/casemate-files ] || {
  set -e; D=/var/tmp/casemate-files; mkdir -p $D/a/b; cd $D
  echo 'a small file' >small; : >empty; head -c 2500000 /dev/urandom >big; head -c 300000 /dev/urandom >partly; cp partly partly.copy; sync
  ln -s small link; ln -s ../../big a/b/up
  cat link a/b/up >/dev/null
  mkdir -p bound; mount --bind a bound
  mkdir -p huge; mount -t tmpfs -o huge=always huge huge || mount -t tmpfs huge huge
  head -c 2500000 /dev/urandom >huge/pages
  ln -s "$(printf '%0200d' 0 | sed 's,0,../huge/,g')"../small huge/long; cat huge/long >/dev/null
  truncate -s 10000000 huge/sparse; printf x | dd of=huge/sparse bs=1 seek=5000000 conv=notrunc
  [ ! -e never ]
  echo ok >/run/casemate-files
} >/dev/null 2>&1
test -e /run/casemate-files`;

/** For each page of a file whether it is in the page cache: mincore(2), as a string of 0 and 1. */
const readResident = (path: string) =>
  `perl -e ${quote(String.raw`
open my $f, "<", "${path}"; my $length = -s $f;
my $at = syscall(9, 0, $length, 1, 1, fileno $f, 0); my $pages = int(($length + 4095) / 4096);
my $vector = "\0" x $pages; syscall(27, $at, $length, $vector); print join "", map { $_ & 1 } unpack "C*", $vector`)}`;

/** Lets go of two runs of pages in the middle of a file, clean ones: posix_fadvise(2). */
const forget = (path: string) =>
  `perl -e ${quote(`
open my $f, "<", "${path}"; syscall(221, fileno $f, 0, 0, 1); # POSIX_FADV_RANDOM: nothing is read ahead
syscall(221, fileno $f, 40960, 81920, 4); syscall(221, fileno $f, 204800, 4096, 4)`)}`;

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(`bash -c ${quote(MAKE_FILES)}`);
  assert.equal(exitCode, 0, output);
}

async function readRanges(read: ReadView, path: string): Promise<readonly FileRangeRow[]> {
  return (await read("read-file", path)) as unknown as readonly FileRangeRow[]; // what that view's rows are
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const directory = "/var/tmp/casemate-files";

export const readFileTruths: readonly Truth[] = [
  {
    view: "read-file",
    claim: "contents are what sha256sum says, over links, mounts, '..' and huge pages",
    prepare,
    async compare(run, read) {
      const names = [
        "small",
        "empty",
        "big",
        "link",
        "a/b/up",
        "bound/b/up",
        "huge/pages",
        "huge/long",
      ];
      for (const name of names) {
        const path = `${directory}/${name}`;
        const [said] = (await run(`sha256sum ${path}`)).output.split(" ");
        const contents = readFile.contents?.(await readRanges(read, path));
        assert.equal(sha256(contents?.bytes ?? new Uint8Array()), said, path);
        assert.equal(contents?.missing, 0, path);
      }
    },
  },
  {
    view: "read-file",
    claim: "pages that are missing are those that mincore(2) says are missing",
    prepare,
    async compare(run, read) {
      const path = `${directory}/partly`;
      await run(forget(path));
      const resident = (await run(readResident(path))).output;
      const rows = await readRanges(read, path);
      assert.match(resident, /^1+0+1+/);
      let seen = "";
      for (const { offset, length, state } of rows) {
        assert.equal(offset, Math.min(seen.length * 4096, 300_000));
        seen += (state === "present" ? "1" : "0").repeat(Math.ceil(length / 4096));
      }
      assert.equal(seen, resident);
      for (const { offset, length, contents } of rows) {
        if (contents === null) continue;
        // Reading the file itself would bring back what is missing.
        const command = `tail -c +${offset + 1} ${path}.copy | head -c ${length} | sha256sum`;
        const [said] = (await run(command)).output.split(" ");
        assert.equal(sha256(Buffer.from(contents, "base64")), said);
      }
    },
  },
  {
    view: "read-file",
    claim: "holes of a sparse file are missing, as far as they are not in its pages",
    prepare,
    async compare(_run, read) {
      const rows = await readRanges(read, `${directory}/huge/sparse`);
      const present = rows.filter(({ state }) => state === "present");
      const length = rows.reduce((sum, row) => sum + row.length, 0);
      const all = Buffer.concat(present.map((row) => Buffer.from(row.contents ?? "", "base64")));
      assert.equal(length, 10_000_000);
      assert.equal(all.filter((byte) => byte !== 0).toString(), "x");
      assert.ok(rows.some(({ state }) => state === "absent"));
    },
  },
  {
    view: "read-file",
    claim: "a name that the guest does not have, and one it does not remember",
    prepare,
    async compare(run, read) {
      await run(`cat ${directory}/never`);
      const fails = (path: string, code: string) =>
        assert.rejects(read("read-file", path), (thrown) => {
          return thrown instanceof CasemateError && thrown.code === code;
        });
      await fails(`${directory}/never`, "inspect/not-found");
      await fails(`${directory}/never-asked-for`, "inspect/not-in-memory");
      await fails(directory, "usage");
      await fails("/proc/self", "inspect/not-in-memory");
    },
  },
];
