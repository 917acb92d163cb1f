import assert from "node:assert/strict";
import { mkdtemp, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { bootTestGuest } from "./boot-test-guest.ts";
import { labCacheDir } from "./lab-cache-dir.ts";

const signal = AbortSignal.timeout(180_000);

test("bootTestGuest: a guest with shared memory answers, is dumped, and is gone afterwards", async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), "casemate-dump-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  let pid = 0;
  {
    await using guest = await bootTestGuest({ cacheDir: labCacheDir, memoryMiB: 192 }, signal);
    pid = guest.pid;
    assert.equal((await guest.console.output("uname -r", signal)).trim(), guest.kernel.release);
    const processes = await guest.console.output("ps -o user,args", signal);
    assert.match(processes, /^alice +sleep 100005$/m);
    assert.match(processes, /^root +httpd -p 80 -h \/$/m);
    const dump = path.join(directory, "dump.raw");
    await guest.dump(dump);
    assert.equal((await stat(dump)).size, 192 * 1024 * 1024);
    assert.equal((await guest.console.run("exit 3", signal)).exitCode, 3);
  }
  await assert.rejects(readlink(`/proc/${pid}/exe`), { code: "ENOENT" });
});

test("bootTestGuest: i440fx, private memory, no five-level paging", async () => {
  const options = { machine: "pc", sharedMemory: false, cpu: "max,la57=off" } as const;
  const guest = await bootTestGuest({ cacheDir: labCacheDir, ...options }, signal);
  await using _guest = guest;
  assert.doesNotMatch(await guest.console.output("cat /proc/cpuinfo", signal), /\bla57\b/);
});
