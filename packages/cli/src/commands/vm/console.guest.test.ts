import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LibvirtConnection } from "@casemate/host";
import { echoDisk, labCacheDir, PrivateLibvirt } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../../../casemate");
const stack = new AsyncDisposableStack();
let scratch: string;
let data: string;
let libvirt: LibvirtConnection;

/** A running command and what it has printed. */
interface Running {
  readonly child: ChildProcess;
  text(): string;
  until(said: string): Promise<void>;
}

function run(file: string, ...words: readonly string[]): Running {
  // At home in the scratch directory: nobody is logged in there.
  const env = { ...process.env, HOME: scratch, XDG_CONFIG_HOME: join(scratch, ".config") };
  const child = spawn(file, [...words], { stdio: "pipe", env });
  let text = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
  }
  return {
    child,
    text: () => text,
    async until(said) {
      while (!text.includes(said)) {
        assert.equal(child.exitCode, null, text);
        await sleep(20);
      }
    },
  };
}

const console = (...words: readonly string[]) =>
  run(casemate, "vm", "console", "echo", ...words, "--data", data);

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "casemate-console-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711);
  data = join(scratch, "data");
  const disk = join(scratch, "echo.img");
  await writeFile(disk, echoDisk);
  await chmod(disk, 0o666);
  const daemon = stack.use(
    await PrivateLibvirt.start({ accelerator: "tcg", cacheDir: labCacheDir }),
  );
  libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
  await libvirt.createDomain(`
    <domain type="qemu">
      <name>echo</name>
      <memory unit="MiB">16</memory>
      <os><type arch="x86_64" machine="pc">hvm</type></os>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="raw"/><source file="${disk}"/>
          <target dev="hda" bus="ide"/>
        </disk>
        <serial type="pty"/>
      </devices>
    </domain>`);
  const listen = ["--listen", "127.0.0.1:0"];
  const up = run(casemate, "up", "--connect", daemon.uri, "--data", data, ...listen);
  stack.defer(async () => {
    up.child.kill("SIGTERM");
    await once(up.child, "close");
  });
  await up.until("Ctrl-C");
});

after(() => stack.disposeAsync());

test("casemate vm console: pipes, one user at a time, taken by force; its end is recorded", async () => {
  const first = console();
  first.child.stdin?.write("hello");
  await first.until("HELLO");
  const second = console();
  const [code] = await once(second.child, "close");
  assert.equal(code, 1);
  assert.match(second.text(), /Active console session|in use/);
  const forced = console("--force");
  await once(first.child, "close");
  forced.child.stdin?.end("again");
  await once(forced.child, "close");
  assert.equal(forced.text(), "AGAIN");
  let closed: readonly { readonly kind: string; readonly body: object }[] = [];
  while (closed.length < 2) {
    // It is written down once the console has let go, which its user does not wait for.
    const facts = run(casemate, "ledger", "facts", "--json", "--data", data);
    await once(facts.child, "close");
    closed = JSON.parse(facts.text()).items.filter(
      ({ kind }: { readonly kind: string }) => kind === "console/closed",
    );
  }
  assert.deepEqual(
    closed.map(({ body }) => ({ ...body, request: "" })),
    [
      { request: "", bytesIn: 5, bytesOut: 5 },
      { request: "", bytesIn: 5, bytesOut: 5 },
    ],
  );
});

test("casemate vm console: raw on a terminal, left by Ctrl-], the terminal as it was", async () => {
  // script(1) runs it on a terminal of its own.
  const command = `stty -a > ${scratch}/before; ${casemate} vm console echo --data ${data}; stty -a > ${scratch}/after; cmp ${scratch}/before ${scratch}/after && echo restored`;
  const typed = run("script", "--quiet", "--command", command, "/dev/null");
  await typed.until("Ctrl-] leaves");
  typed.child.stdin?.write("a\u0003b");
  await typed.until("A#B");
  typed.child.stdin?.write("\u001d");
  await typed.until("restored");
  assert.match(typed.text(), /Left echo/);
});

test("casemate vm console: ends when the VM does, and refuses one that is not there", async () => {
  const opened = console();
  opened.child.stdin?.write("x");
  await opened.until("X");
  const { uuid } = await libvirt.findDomain("echo");
  const ended = once(opened.child, "close");
  await libvirt.destroy(uuid);
  const [code] = await ended;
  assert.equal(code, 0);
  const refused = console();
  await once(refused.child, "close");
  assert.match(refused.text(), /Cannot find VM echo/);
});
