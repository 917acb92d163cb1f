import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { toCasemateError } from "@casemate/core";
import { openFileSystem } from "@casemate/formats/disk";
import { unpackKernel } from "@casemate/formats/unpack-kernel";
import { unpackModule } from "@casemate/formats/unpack-module";
import { openDiskFiles } from "@casemate/host/open-disk-files";
import type { Kernel, LabImage } from "@casemate/lab";
import type { GuestFiles } from "../../src/index.ts";

/** The files that a test guest of `kernel` has: the lab's own copies of them, and its disk before it was started. */
export async function labFiles(kernel: Kernel, image: LabImage): Promise<GuestFiles & Disposable> {
  const modules = new Map<string, string>();
  for (const file of readdirSync(kernel.modulesDirectory, { recursive: true, encoding: "utf8" })) {
    const [, name] = /^(.+)\.ko(\.\w+)?$/.exec(basename(file)) ?? [];
    if (name !== undefined) modules.set(name.replaceAll("-", "_"), file);
  }
  let unpacked: Buffer | undefined;
  using undo = new DisposableStack();
  const { disk } = undo.use(await openDiskFiles([image.disk]));
  const files = openFileSystem(disk);
  const held = undo.move();
  return {
    kernel(release) {
      if (release !== kernel.release) return undefined;
      unpacked ??= unpackKernel(readFileSync(kernel.vmlinuz));
      return unpacked;
    },
    module(release, name) {
      const file = modules.get(name);
      if (release !== kernel.release || file === undefined) return undefined;
      return unpackModule(readFileSync(join(kernel.modulesDirectory, file)));
    },
    read(path, mostBytes) {
      try {
        return files.readFile(path, mostBytes);
      } catch (thrown) {
        if (toCasemateError(thrown).code === "disk/not-found") return undefined;
        throw thrown;
      }
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}
