import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { echoDisk, labCacheDir, PrivateLibvirt } from "@casemate/lab";
import type { HostAgent } from "../host-agent.ts";
import { attachHost } from "../local-host.ts";

const stack = new AsyncDisposableStack();
let libvirt: LibvirtConnection;
let host: HostAgent;
let scratch: string;

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-console-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o777);
  const { uri } = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(uri));
  host = stack.use(await attachHost({ uri }));
});

after(async () => await stack.disposeAsync());

async function start(name: string, serials: string): Promise<string> {
  const disk = join(scratch, name);
  await writeFile(disk, echoDisk);
  await chmod(disk, 0o666);
  const { uuid } = await libvirt.createDomain(`
    <domain type="qemu">
      <name>${name}</name>
      <memory unit="MiB">16</memory>
      <os><type arch="x86_64" machine="pc">hvm</type></os>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="raw"/><source file="${disk}"/>
          <target dev="hda" bus="ide"/>
        </disk>
        ${serials}
      </devices>
    </domain>`);
  return uuid;
}

const open = (uuid: string, options: { device?: string; force?: boolean } = {}) =>
  host.hypervisor.console.open(uuid, options);

/** What the guest answers: as much as was sent, once it has begun to answer each 0 with a space. */
async function ask(console: Duplex, sent: string): Promise<string> {
  let answer = "";
  const hear = (bytes: Buffer) => {
    answer += bytes.toString("latin1");
  };
  console.on("data", hear);
  while (answer === "") {
    console.write("\0");
    await sleep(50);
  }
  console.write(sent);
  while (answer.replaceAll(" ", "").length < sent.length) await sleep(10);
  console.off("data", hear);
  return answer.replaceAll(" ", "");
}

for (const [kind, serial] of [
  ["pty", () => `<serial type="pty"/>`],
  [
    "unix",
    () => `<serial type="unix"><source mode="bind" path="${join(scratch, "serial")}"/></serial>`,
  ],
] as const) {
  test(`LocalConsole: speaks with a guest through a ${kind}, one user at a time`, async () => {
    const uuid = await start(kind, serial());
    const first = await open(uuid);
    assert.equal(await ask(first, "hello"), "HELLO");
    await assert.rejects(open(uuid), { code: "console/in-use" });
    const lost = once(first, "close");
    const second = await open(uuid, { device: "serial0", force: true });
    await lost;
    const long = "casemate".repeat(2_000);
    assert.equal(await ask(second, long), long.toUpperCase());
    second.destroy();
    await once(second, "close");
    const third = await open(uuid);
    assert.equal(await ask(third, "again"), "AGAIN");
    const ended = once(third, "close");
    await libvirt.destroy(uuid);
    await ended;
    await assert.rejects(open(uuid), { code: "vm/unknown" });
  });
}

test("LocalConsole: refuses what is no console to be opened", async () => {
  const uuid = await start("null", `<serial type="null"/>`);
  await assert.rejects(open(uuid), { code: "device/unknown" });
  await assert.rejects(open(uuid, { device: "serial1" }), { code: "device/unknown" });
});

test("LocalConsole: ends with its libvirt, and nothing of it stays", async () => {
  const uuid = await start("last", `<serial type="pty"/>`);
  const opened = await open(uuid);
  assert.equal(await ask(opened, "x"), "X");
  opened.resume();
  const failed = once(opened, "error");
  await stack.disposeAsync();
  const [{ code }] = await failed;
  assert.equal(code, "libvirt/unreachable");
});
