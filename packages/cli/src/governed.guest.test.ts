import assert from "node:assert/strict";
import { copyFile, cp, mkdir, open, readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { findQemuProcess } from "@casemate/host";
import { ControlPlane } from "../test/control-plane.fixture.ts";

const verifier = resolve(import.meta.dirname, "../../ledger/verifier/casemate-verify.mjs");

let control: ControlPlane;

before(async () => {
  control = await ControlPlane.open();
  await control.start();
});
after(() => control?.[Symbol.asyncDispose]());

test("a restore is asked for, approved by another person, done, and proved to whoever has nothing of Casemate", async (t) => {
  await control.addPerson("olga", "operator");
  await control.addPerson("sofia", "security-officer");

  const definition = ["--memory", "32M", "--type", "qemu"];
  const disk = JSON.stringify({ capacity: 1024 * 1024 });
  await control.done("olga", "vm", "define", "--name", "web01", ...definition, "--disks", disk);
  await control.done("olga", "vm", "start", "web01");
  await control.done("olga", "vm", "snapshot", "web01", "before");

  const restore = ["vm", "restore", "web01", "before"];
  const planned = await control.as("olga", [...restore, "--dry-run"]);
  assert.match(planned.stdout, /nothing was changed[\s\S]*CANNOT BE TAKEN BACK/);
  const asked = await control.as("olga", restore);
  assert.equal(asked.code, 4, asked.stderr);
  assert.match(asked.stdout, /It needs the approval of a security-officer/);
  const id = /requests show (\S+)/.exec(asked.stdout)?.[1] ?? "";

  const alone = await control.as("olga", ["requests", "approve", id]);
  assert.equal(alone.code, 4);
  assert.match(alone.stderr, /olga made it, expected another person/);

  const shown = await control.done("sofia", "requests", "show", id);
  assert.match(shown, /awaiting-approval[\s\S]*STEPS[\s\S]*snapshot before/);
  const plan = /Plan ([0-9a-f]{64})/.exec(shown)?.[1] ?? "";
  const approved = await control.done("sofia", "requests", "approve", id, "--plan", plan);
  assert.match(approved, /vm\.restore web01: .*done/);
  const { uuid } = await control.libvirt.findDomain("web01");
  const snapshots = await control.libvirt.listSnapshots(uuid);
  assert.equal(snapshots.find(({ name }) => name === "before")?.current, true);

  const bundle = join(control.scratch, "olga", "web01.tar");
  const saved = await control.done("olga", "evidence", "save", "web01", "-o", bundle);
  assert.match(saved, /vm\.evidence\.save web01: .*done/);
  const again = await control.as("olga", ["evidence", "save", "web01", "-o", bundle]);
  assert.equal(again.code, 64, again.stderr);
  const listed = JSON.parse(await control.done("sofia", "evidence", "list", "--json"));
  assert.equal(listed.items.length, 2);
  const fetched = join(control.scratch, "sofia", "web01.tar");
  await control.done("sofia", "evidence", "get", listed.items[1].id, "-o", fetched);
  assert.deepEqual(await readFile(fetched), await readFile(bundle));

  await interruptSaving(uuid);
  await control.stop();
  const [, key = ""] = (await readFile(join(control.data, "ledger", "keys"), "utf8"))
    .trim()
    .split(" ");
  await verifyBundle(bundle, key);
  const facts = JSON.parse(await control.done("root", "ledger", "facts", "--json"));
  const story = facts.items.filter(
    ({ body }: { body: { request?: string } }) => body.request === id,
  );
  assert.deepEqual(
    story.map(({ kind }: { kind: string }) => kind),
    ["request/made", "request/approved", "operation/intended", "operation/ended"],
  );

  const elsewhere = join(control.scratch, "elsewhere");
  await mkdir(elsewhere);
  await copyFile(verifier, join(elsewhere, "verify.mjs"));
  const copy = join(elsewhere, "ledger");
  await cp(join(control.data, "ledger"), copy, { recursive: true });
  const verified = await verify("ledger", "--key", key);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  assert.equal((await verify("ledger")).code, 3, "whose it is was not checked");

  const files = (await readdir(copy, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/^lock|\.key$|signing/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  assert.ok(files.length >= 4, files.join("\n"));
  for (const file of files) {
    const { size } = await stat(file);
    if (size === 0) continue;
    const restoreByte = await flipByte(file, Math.floor(size / 2));
    const found = await verify("ledger", "--key", key);
    assert.ok([1, 2].includes(found.code), `a changed byte of ${file} was not found`);
    assert.ok(
      (found.stdout + found.stderr).includes(file.slice(copy.length + 1)),
      `${file} was not named: ${found.stdout}${found.stderr}`,
    );
    await restoreByte();
  }
  t.diagnostic(`tampered with ${files.length} files`);
});

/** Interrupts who saves evidence while QEMU stands still, and with it whoever asks it where its memory is. */
async function interruptSaving(uuid: string): Promise<void> {
  const bundles = join(control.data, "evidence");
  const before = await readdir(bundles);
  const qemu = findQemuProcess(uuid);
  process.kill(qemu, "SIGSTOP");
  const { stdout, stderr } = await control.run("olga", [
    ...["sh", "-c"],
    `casemate evidence save web01 2>progress & saving=$!
     until grep -q sweeping progress || ! kill -0 $saving; do sleep 0.05; done
     kill -TERM $saving; sleep 1; kill -CONT ${qemu}; wait $saving`,
  ]);
  assert.match(stdout, /vm\.evidence\.save web01: .*cancelled/, stderr);
  assert.deepEqual(await readdir(bundles), before);
}

/** Holds a bundle against its seal, with the ledger's key and without Casemate. */
async function verifyBundle(bundle: string, key: string): Promise<void> {
  const hold = (...words: readonly string[]) =>
    control.as("nobody", ["evidence", "verify", ...words]);
  const sealed = await hold(bundle, "--key", key);
  assert.equal(sealed.code, 0, sealed.stdout + sealed.stderr);
  assert.match(sealed.stdout, /It is as it was sealed\.\n$/);
  const unknown = await hold(bundle, "--json");
  assert.equal(unknown.code, 3);
  assert.equal(JSON.parse(unknown.stdout).verdict, "inconclusive");
  const { size } = await stat(bundle);
  for (const at of [0, 600, size - 1]) {
    const restoreByte = await flipByte(bundle, at);
    const changed = await hold(bundle, "--key", key);
    assert.equal(changed.code, 2, `byte ${at}: ${changed.stdout}${changed.stderr}`);
    await restoreByte();
  }
  const nothing = await hold(join(control.scratch, "nowhere.tar"), "--key", key);
  assert.equal(nothing.code, 3, nothing.stderr);
  assert.match(nothing.stderr, /^casemate: Cannot read the evidence bundle .+\n.+\n$/);
}

/** Runs the ledger's own verifier at home with somebody who has nothing else. */
const verify = (...words: readonly string[]) =>
  control.run("elsewhere", [process.execPath, "verify.mjs", ...words]);

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
