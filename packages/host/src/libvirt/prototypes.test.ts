import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

test("libvirt: a missing library is libvirt/missing at the first use, not at import", async () => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-no-libvirt-"));
  try {
    // The loader takes the first file of that name and refuses one that is no library.
    await writeFile(join(directory, "libvirt.so.0"), "");
    const index = fileURLToPath(new URL("../index.ts", import.meta.url));
    const program = `
      import { LibvirtConnection, LibvirtHost } from ${JSON.stringify(index)};
      for (let i = 0; i < 2; i += 1) {
        await LibvirtConnection.open("test:///default").catch(({ code }) => console.log(code));
      }
      await using host = new LibvirtHost("test:///default");
      await host.start();
      console.log(host.state.cause.code);
    `;
    const { stdout, stderr } = await run(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { env: { LD_LIBRARY_PATH: directory } },
    );
    assert.deepEqual([stdout, stderr], ["libvirt/missing\n".repeat(3), ""]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
