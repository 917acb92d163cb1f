import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { milliseconds } from "@casemate/core";
import { inventory } from "../inventory.ts";
import { scanSystem } from "../scan.ts";
import { diskOf, makeScratch, makeVolume, run } from "../system.fixture.ts";

const UUIDS = {
  boot: "5ca5e3a7-0000-4000-8000-000000000001",
  home: "5ca5e3a7-0000-4000-8000-000000000002",
} as const;
const PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
const KEY_BYTES = Buffer.from(`\0\0\0\x0bssh-ed25519\0\0\0 ${"k".repeat(32)}`, "latin1");
const KEY = `ssh-ed25519 ${KEY_BYTES.toString("base64")}`;

function scan(...disks: readonly Buffer[]) {
  const named = disks.map((bytes, i) => ({ name: `disk ${i}`, reader: diskOf(bytes) }));
  return scanSystem(named, inventory, { budget: milliseconds(60_000) });
}

test("scanSystem: one tree out of what fstab mounts from all disks, the rest said", () => {
  const root = makeVolume({
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    "/etc/passwd": PASSWD,
    "/etc/fstab": `# comment
/dev/vda / ext4 defaults 0 1
UUID=${UUIDS.boot.toUpperCase()} /boot ext4 ro 0 2
/dev/disk/by-label/the\\040homes /home ext4 defaults 0 2
UUID=00000000-0000-4000-8000-000000000000 /srv xfs defaults 0 2
files.example:/export /mnt/far nfs defaults 0 0
tmpfs /tmp tmpfs defaults 0 0
/dev/vdd none swap sw 0 0
`,
    "/boot/not-seen": "",
    "/home/.keep": "",
  });
  const boot = makeVolume({ "/vmlinuz-6.1.0-1-amd64": "no image" }, { args: ["-U", UUIDS.boot] });
  const args = ["-U", UUIDS.home, "-L", "the homes"];
  const home = makeVolume({ "/alice/.ssh/authorized_keys": `${KEY} alice@laptop\n` }, { args });
  const swap = Buffer.alloc(8192);
  swap.write("SWAPSPACE2", 4086, "latin1");
  const encrypted = Buffer.alloc(8192);
  encrypted.write("LUKS\xba\xbe", 0, "latin1");
  const { os, volumes, found, missed, coverage } = scan(root, boot, home, swap, encrypted);
  assert.equal(os?.prettyName, "Debian GNU/Linux 12");
  assert.deepEqual(
    volumes.map(({ type, state, mountedAt }) => [type, state, ...mountedAt]),
    [
      ["ext4", "read", "/"],
      ["ext4", "read", "/boot"],
      ["ext4", "read", "/home"],
      ["swap", "none"],
      ["crypto_LUKS", "unreadable"],
    ],
  );
  assert.deepEqual(
    found.kernels?.map(({ path, release }) => [path, release]),
    [["/boot/vmlinuz-6.1.0-1-amd64", "6.1.0-1-amd64"]],
  );
  assert.deepEqual(
    found.authorizedKeys?.map(({ user, path, comment }) => [user, path, comment]),
    [["alice", "/home/alice/.ssh/authorized_keys", "alice@laptop"]],
  );
  assert.deepEqual(missed.map(({ what }) => what).sort(), ["/mnt/far", "/srv", "disk 4"]);
  assert.deepEqual(coverage.volumes, { read: 3, total: 4 });
  assert.equal(coverage.bytes.total - coverage.bytes.read, encrypted.length);
  assert.equal(coverage.files?.read, coverage.files?.total);
});

test("scanSystem: subvolumes of a btrfs as its own fstab has them", () => {
  using scratch = makeScratch();
  const tree = scratch.path("tree");
  run("mkdir", "-p", `${tree}/@/etc`, `${tree}/@/home`, `${tree}/@home/alice`, `${tree}/@old/etc`);
  run(
    "sh",
    "-c",
    `printf 'ID=opensuse\\n' | tee ${tree}/@old/etc/os-release > ${tree}/@/etc/os-release`,
  );
  run(
    "sh",
    "-c",
    `echo '${PASSWD}' > ${tree}/@/etc/passwd; touch ${tree}/@home/alice/tool; chmod 4755 ${tree}/@home/alice/tool`,
  );
  run(
    "sh",
    "-c",
    `echo 'LABEL=all / btrfs subvol=/@ 0 0\nLABEL=all /home btrfs subvol=@home 0 0' > ${tree}/@/etc/fstab`,
  );
  const image = scratch.path("image");
  run("truncate", "-s", "64M", image);
  run("mkfs.btrfs", "-q", "--mixed", "-L", "all", "--rootdir", tree, image);
  const { os, volumes, found, missed } = scan(readFileSync(image));
  assert.equal(os?.id, "opensuse");
  assert.deepEqual(volumes[0]?.mountedAt, ["/", "/home"]);
  assert.deepEqual(
    found.privilegedFiles?.map(({ path }) => path),
    ["/home/alice/tool"],
  );
  // The second system on it is not passed over in silence.
  assert.deepEqual(
    missed.map(({ code }) => code),
    ["disk/unsupported"],
  );
});

test("scanSystem: an EFI system partition that no fstab mounts, and LUKS by its passphrase", () => {
  using scratch = makeScratch();
  const disk = scratch.path("disk");
  const esp = scratch.path("esp");
  run("truncate", "-s", "40M", disk);
  run("truncate", "-s", "8M", esp);
  run("mkfs.vfat", "-n", "ESP", esp);
  const layout = "label: gpt\nstart=2048, size=16384, type=U\nstart=18432, size=32768, type=L\n";
  run("sh", "-c", `printf '${layout}' | sfdisk --quiet ${disk}`);
  const root = makeVolume({
    "/etc/os-release": "ID=arch\n",
    "/etc/fstab":
      "/dev/mapper/data /data ext4 defaults 0 0\nUUID=5ca5e3a7-0000-4000-8000-000000000002 /data ext4 defaults 0 0\n",
    "/data/.keep": "",
    "/efi": { directory: true },
  });
  const bytes = readFileSync(disk);
  readFileSync(esp).copy(bytes, 2048 * 512);
  root.copy(bytes, 18_432 * 512);
  const secret = scratch.path("secret");
  const encrypted = scratch.path("encrypted");
  run("sh", "-c", `printf 'open sesame' > ${secret}; truncate -s 24M ${encrypted}`);
  const cheap = [
    "--pbkdf",
    "pbkdf2",
    "--pbkdf-force-iterations",
    "1000",
    "--luks2-metadata-size=16k",
  ];
  run(
    "cryptsetup",
    "luksFormat",
    "-q",
    ...cheap,
    "--luks2-keyslots-size=256k",
    "--key-file",
    secret,
    encrypted,
  );
  const locked = scan(bytes, readFileSync(encrypted));
  assert.deepEqual(
    locked.volumes.map(({ type, state, mountedAt }) => [type, state, ...mountedAt]),
    [
      ["vfat", "read", "/efi"],
      ["ext4", "read", "/"],
      ["crypto_LUKS", "unreadable"],
    ],
  );
  const disks = [bytes, readFileSync(encrypted)].map((each) => ({
    name: "",
    reader: diskOf(each),
  }));
  const key = { passphrase: "open sesame" };
  const opened = scanSystem(disks, inventory, { budget: milliseconds(60_000), key });
  assert.deepEqual(
    opened.volumes.slice(2).map(({ type, state }) => [type, state]),
    [
      ["crypto_LUKS", "none"],
      [undefined, "unreadable"],
    ],
  );
});

test("scanSystem: disks without a system, and bytes that are nothing, are said", () => {
  const data = makeVolume({ "/a": "" });
  const { os, found, missed, coverage } = scan(data, Buffer.alloc(1024 * 1024, 0x55));
  assert.equal(os, undefined);
  assert.deepEqual(found, {}, "nothing was looked at, which is not the same as nothing found");
  assert.deepEqual(missed.map(({ what, code }) => [what, code]).sort(), [
    ["/", "disk/not-found"],
    ["disk 1", "disk/unknown-format"],
  ]);
  assert.deepEqual(coverage.volumes, { read: 1, total: 2 });
});

test("scanSystem: files of several file systems are not taken for each other", () => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`/d${i}/tool`, { mode: 0o4755, contents: "x" }] as const),
  );
  const root = makeVolume({
    ...files,
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "/dev/sdb1 /none ext4 defaults 0 0\n/dev/sdb /data ext4 defaults 0 0\n",
    "/data/.keep": "",
  });
  const { found, missed } = scan(root, makeVolume(files));
  assert.equal(found.privilegedFiles?.length, 80);
  assert.deepEqual(
    missed.map(({ what }) => what),
    ["/none"],
  );
});

test("scanSystem: what its budget does not reach is missed", () => {
  const root = makeVolume({ "/etc/os-release": "ID=debian\n" });
  const disks = [{ name: "disk", reader: diskOf(root) }];
  const { missed } = scanSystem(disks, inventory, { budget: milliseconds(-1) });
  assert.ok(missed.length > 0);
  assert.ok(missed.every(({ code }) => code === "inspect/budget"));
});
