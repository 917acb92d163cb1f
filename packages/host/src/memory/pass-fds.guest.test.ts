import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openGuestMemory } from "./open-guest-memory.ts";
import { openSocketPair, sendFds } from "./pass-fds.ts";
import { startTestQemu } from "./qemu.fixture.ts";

const MEMFD = ["-object", "memory-backend-memfd,id=ram0,size=256M,share=on"];

for (const [kind, machine] of [
  ["mapped", ["-machine", "q35,memory-backend=ram0", ...MEMFD]],
  ["process", ["-machine", "q35"]],
] as const) {
  test(`sendFds: a process without rights reads a guest's memory, ${kind}`, async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "casemate-fds-"));
    context.after(() => rmSync(directory, { recursive: true }));
    const pattern = join(directory, "pattern");
    writeFileSync(pattern, Buffer.alloc(4096, "only the guest and its readers know"));
    const loader = ["-device", `loader,file=${pattern},addr=0x1000000,force-raw=on`];
    await using qemu = await startTestQemu([...machine, "-m", "256M", ...loader]);

    const opened = await openGuestMemory({ pid: qemu.pid, description: "test", monitor: qemu });
    assert.equal(opened.description.kind, kind);
    const [ours, theirs] = openSocketPair();
    const reader = fileURLToPath(new URL("reader.fixture.ts", import.meta.url));
    const child = spawn(process.execPath, [reader, String(0x1000000)], {
      stdio: ["ignore", "pipe", "inherit", theirs],
    });
    closeSync(theirs);
    sendFds(ours, JSON.stringify(opened.description), opened.fds);
    for (const fd of [ours, ...opened.fds]) closeSync(fd);
    assert.ok(child.stdout !== null);
    const printed = await text(child.stdout);
    assert.equal(printed, `65534 ${readFileSync(pattern).toString("hex")}`);
  });
}
