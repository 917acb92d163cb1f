import { CasemateError, MiB, milliseconds, toCasemateError } from "@casemate/core";
import type { BlockReader, FileSystem } from "@casemate/formats/disk";
import { unpackModule } from "@casemate/formats/unpack-module";
import type { GuestFiles } from "@casemate/inspect";
import { openSystem } from "@casemate/scan/open-system";
import { ScanBudget } from "@casemate/scan/scan-budget";
import { kernelPlaces } from "./kernel-places.ts";
import { unpackKernelOnce } from "./unpack-kernel-once.ts";

/** Debian's largest kernels have 15 MiB, its largest modules 25. */
const MAX_BYTES = 128 * MiB;
const MAX_INDEX_BYTES = 16 * MiB;

/** How long the system may be looked for on the disks. */
const BUDGET = milliseconds(30_000);

/**
 * The files on a guest's disks, which are opened when the first of them is asked for.
 *
 * The guest may write to the disks meanwhile: what is compared with memory was there since it booted. HOSTILE:
 * the guest controls all of it.
 */
export class DiskFiles implements GuestFiles {
  readonly #disks: readonly BlockReader[];
  /** Paths of modules by their names, for each release. */
  readonly #modules = new Map<string, ReadonlyMap<string, string>>();
  #files: FileSystem | undefined;

  constructor(disks: readonly BlockReader[]) {
    this.#disks = disks;
  }

  kernel(release: string, buildId: string): Uint8Array | undefined {
    const id = Buffer.from(buildId, "hex");
    for (const place of kernelPlaces(release)) {
      const file = this.#read(place, MAX_BYTES);
      const kernel = file === undefined ? undefined : unpackKernelOnce(file);
      // The note is in .notes, which is in every kernel's file.
      if (kernel?.includes(id) === true) return kernel;
    }
    return undefined;
  }

  module(release: string, name: string): Uint8Array | undefined {
    let paths = this.#modules.get(release);
    if (paths === undefined) {
      paths = this.#listModules(release);
      this.#modules.set(release, paths);
    }
    const path = paths.get(name);
    const file = path === undefined ? undefined : this.#read(path, MAX_BYTES);
    return file === undefined ? undefined : unpackModule(file);
  }

  read(path: string, mostBytes: number): Uint8Array | undefined {
    return this.#read(path, mostBytes);
  }

  /** `modules.dep` names each module's file (modules.dep(5)). */
  #listModules(release: string): ReadonlyMap<string, string> {
    const directory = `/lib/modules/${release}`;
    const index = this.#read(`${directory}/modules.dep`, MAX_INDEX_BYTES)?.toString("latin1") ?? "";
    const paths = new Map<string, string>();
    for (const line of index.split("\n")) {
      const [file = ""] = line.split(":", 1);
      const name = file.slice(file.lastIndexOf("/") + 1).replace(/\.ko(\.\w+)?$/, "");
      if (name !== "") paths.set(name.replaceAll("-", "_"), `${directory}/${file}`);
    }
    return paths;
  }

  #read(path: string, mostBytes: number): Buffer | undefined {
    this.#files ??= openFiles(this.#disks);
    try {
      return this.#files.readFile(path, mostBytes);
    } catch (thrown) {
      if (toCasemateError(thrown).code === "disk/not-found") return undefined;
      throw thrown;
    }
  }
}

/** The tree of the system on the disks. Throws why there is none. */
function openFiles(disks: readonly BlockReader[]): FileSystem {
  const named = disks.map((reader, i) => ({ name: `disk ${i}`, reader }));
  const { look, mounted } = openSystem(named, { budget: new ScanBudget(BUDGET) });
  if (mounted !== undefined) return mounted.files;
  const [first] = look.missed;
  throw new CasemateError(first?.code ?? "disk/not-found", first?.reason ?? "No disk is there.");
}
