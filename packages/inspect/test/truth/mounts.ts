import assert from "node:assert/strict";
import type { MountRow } from "../../src/index.ts";
import { quote } from "./make-memory.ts";
import { readBoth } from "./read-both.ts";
import type { RunInGuest, Truth } from "./truth.ts";

/**
 * Mounts of every kind: bound, read-only, one on top of another, with a space and a line's end in their
 * name, of a namespace, shared and slaves in a namespace of their own whose process's pid it leaves.
 */
const MAKE_MOUNTS = `
[ -e /run/casemate-mounts.pid ] || {
  mkdir -p "/run/casemate mounts/with
line" /run/casemate-mounts/{a,b,c,d,e}
  cd /run/casemate-mounts; mkdir -p a b c d e
  mount -t tmpfs -o nosuid,nodev,noexec,size=1m 'source # of it' "/run/casemate mounts/with
line"
  mount --bind /etc/apt a; mount -o remount,ro,bind a
  mount -t tmpfs -o sync,dirsync one b; mount -t tmpfs -o noatime,nodiratime two b; mkdir b/below; mount -t tmpfs three b/below
  mount --make-shared b; mkdir b/shared; mount -t tmpfs four b/shared
  touch c/net; mount --bind /proc/self/ns/net c/net
  mount -t tmpfs -o nosymfollow,lazytime five d || mount -t tmpfs five d
  mount --bind d e; mount --make-unbindable e; mkdir d/gone; mount --bind d/gone d; rmdir e/gone
  cd /
  setsid unshare --mount --propagation slave sh -c 'mount -t tmpfs own /mnt; echo $$ >/run/casemate-mounts.new; mv /run/casemate-mounts.new /run/casemate-mounts.pid; exec sleep 1000000' >/dev/null 2>&1 </dev/null &
  i=0; while [ ! -e /run/casemate-mounts.pid ] && [ $i -lt 100 ]; do sleep 0.2; i=$((i + 1)); done
}
test -e /run/casemate-mounts.pid`;

async function prepare(run: RunInGuest): Promise<void> {
  const { output, exitCode } = await run(`bash -c ${quote(MAKE_MOUNTS)}`);
  assert.equal(exitCode, 0, output);
}

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)) as a row, but for what only the file system knows. */
function parseLine(line: string): MountRow {
  const plain = (text = "") =>
    text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  const [before = "", after = ""] = line.split(" - ");
  const [id, parent, device = "", root, mountpoint, options = "", ...fields] = before.split(" ");
  const [type = "", source, superOptions = ""] = after.split(" ");
  const common = new Set(["rw", "ro", "sync", "dirsync", "mand", "lazytime"]);
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: plain(root),
    mountpoint: plain(mountpoint),
    type,
    source: plain(source),
    options,
    superOptions: superOptions
      .split(",")
      .filter((option) => common.has(option))
      .join(","),
    propagation: fields.filter((field) => !field.startsWith("propagate_from:")).join(" "),
  };
}

export const mountsTruths: readonly Truth[] = [
  {
    view: "mounts",
    claim: "those of the first process are as /proc/1/mountinfo shows them, in its order",
    prepare,
    async compare(run, read) {
      const command = "cat /proc/1/mountinfo";
      const { output, rows } = await readBoth<MountRow>(run, read, "mounts", command);
      assert.deepEqual(rows, output.trimEnd().split("\n").map(parseLine));
    },
  },
  {
    view: "mounts",
    claim: "those of another namespace are as its /proc/PID/mountinfo shows them",
    prepare,
    async compare(run, read) {
      const pid = (await run("cat /run/casemate-mounts.pid")).output.trim();
      const command = `cat /proc/${pid}/mountinfo`;
      const { output, rows } = await readBoth<MountRow>(run, read, "mounts", command, pid);
      assert.ok(rows.some(({ propagation }) => propagation.startsWith("master:")));
      assert.deepEqual(rows, output.trimEnd().split("\n").map(parseLine));
    },
  },
];
