import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../casemate");
const verifier = resolve(import.meta.dirname, "../../ledger/verifier/casemate-verify.mjs");

const stack = new AsyncDisposableStack();
let scratch: string;
let data: string;
let libvirt: LibvirtConnection;
let up: ChildProcess;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command of one person's, at home in a directory of their own. */
async function as(person: string, words: readonly string[], input = ""): Promise<Ended> {
  const home = join(scratch, person);
  await mkdir(home, { recursive: true });
  const child = spawn(casemate, [...words], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, ".config") },
  });
  child.stdin.on("error", () => {}); // It may end without reading.
  child.stdin.end(input);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, "close");
  return { code: Number(code), stdout, stderr };
}

async function done(person: string, ...words: readonly string[]): Promise<string> {
  const ended = await as(person, [...words, "--data", data]);
  assert.equal(ended.code, 0, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-governed-"));
  await chmod(scratch, 0o711);
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  data = join(scratch, "data");
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
  const pool = join(scratch, "pool");
  await mkdir(pool);
  const { uid, gid } = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
  await chown(pool, uid, gid);
  await libvirt.defineStoragePool(
    `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
  );
  const listen = ["--listen", "127.0.0.1:0"];
  up = spawn(casemate, ["up", "--connect", daemon.uri, "--data", data, ...listen], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(async () => {
    if (up.exitCode !== null) return;
    up.kill("SIGTERM");
    await once(up, "close");
  });
  let printed = "";
  up.stdout?.on("data", (chunk) => {
    printed += String(chunk);
  });
  while (!printed.includes("Ctrl-C")) {
    assert.equal(up.exitCode, null, printed);
    await sleep(50);
  }
});
after(() => stack.disposeAsync());

test("a restore is asked for, approved by another person, done, and proved to whoever has nothing of Casemate", async (t) => {
  const first = "correct horse battery";
  const own = "staple of my own choice";
  for (const [name, role] of [
    ["olga", "operator"],
    ["sofia", "security-officer"],
  ] as const) {
    const words = ["account", "create", name, "--person", name, "--role", role, "--data", data];
    const created = await as("root", words, `${first}\n`);
    assert.equal(created.code, 0, created.stderr);
    const login = ["login", "--name", name, "--data", data];
    const loggedIn = await as(name, login, [first, first, own, ""].join("\n"));
    assert.equal(loggedIn.code, 0, loggedIn.stderr);
  }

  const definition = ["--memory", "32M", "--type", "qemu"];
  const disk = JSON.stringify({ capacity: 1024 * 1024 });
  await done("olga", "vm", "define", "--name", "web01", ...definition, "--disks", disk);
  await done("olga", "vm", "start", "web01");
  await done("olga", "vm", "snapshot", "web01", "before");

  const restore = ["vm", "restore", "web01", "before", "--data", data];
  const planned = await as("olga", [...restore, "--dry-run"]);
  assert.match(planned.stdout, /nothing was changed[\s\S]*CANNOT BE TAKEN BACK/);
  const asked = await as("olga", restore);
  assert.equal(asked.code, 4, asked.stderr);
  assert.match(asked.stdout, /It needs the approval of a security-officer/);
  const id = /requests show (\S+)/.exec(asked.stdout)?.[1] ?? "";

  const alone = await as("olga", ["requests", "approve", id, "--data", data]);
  assert.equal(alone.code, 4);
  assert.match(alone.stderr, /olga made it, expected another person/);

  const shown = await done("sofia", "requests", "show", id);
  assert.match(shown, /awaiting-approval[\s\S]*STEPS[\s\S]*snapshot before/);
  const plan = /Plan ([0-9a-f]{64})/.exec(shown)?.[1] ?? "";
  const approved = await done("sofia", "requests", "approve", id, "--plan", plan);
  assert.match(approved, /vm\.restore web01: .*done/);
  const { uuid } = await libvirt.findDomain("web01");
  const snapshots = await libvirt.listSnapshots(uuid);
  assert.equal(snapshots.find(({ name }) => name === "before")?.current, true);

  up.kill("SIGTERM");
  await once(up, "close");
  const facts = JSON.parse(await done("root", "ledger", "facts", "--json"));
  const story = facts.items.filter(
    ({ body }: { body: { request?: string } }) => body.request === id,
  );
  assert.deepEqual(
    story.map(({ kind }: { kind: string }) => kind),
    ["request/made", "request/approved", "operation/intended", "operation/ended"],
  );

  const elsewhere = join(scratch, "elsewhere");
  await mkdir(elsewhere);
  await copyFile(verifier, join(elsewhere, "verify.mjs"));
  const copy = join(elsewhere, "ledger");
  await cp(join(data, "ledger"), copy, { recursive: true });
  const verified = await verify(elsewhere, "ledger");
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);

  const files = (await readdir(copy, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/^lock|\.key$|signing/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  assert.ok(files.length >= 4, files.join("\n"));
  for (const file of files) {
    const { size } = await stat(file);
    if (size === 0) continue;
    const restoreByte = await flipByte(file, Math.floor(size / 2));
    const found = await verify(elsewhere, "ledger");
    assert.notEqual(found.code, 0, `a changed byte of ${file} was not found`);
    assert.ok(
      (found.stdout + found.stderr).includes(file.slice(copy.length + 1)),
      `${file} was not named: ${found.stdout}${found.stderr}`,
    );
    await restoreByte();
  }
  t.diagnostic(`tampered with ${files.length} files`);
});

async function verify(directory: string, ledger: string): Promise<Ended> {
  const child = spawn(process.execPath, ["verify.mjs", ledger], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const [code] = await once(child, "close");
  return { code: Number(code), stdout, stderr };
}

/** Changes one bit of one byte; the answer changes it back. */
async function flipByte(path: string, at: number): Promise<() => Promise<void>> {
  const flip = async () => {
    await using file = await open(path, "r+");
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
  };
  await flip();
  return flip;
}
