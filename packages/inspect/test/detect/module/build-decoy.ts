import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fetchPackages, type KernelOptions, labCacheDir } from "@casemate/lab";

const run = promisify(execFile);
const SOURCE = join(import.meta.dirname, "decoy.c");

/** As the kernel's own build compiles modules, but for what only patches code at run time. */
const FLAGS = [
  ...["-nostdinc", "-std=gnu11", "-O2", "-w", "-m64", "-mcmodel=kernel"],
  ...["-mno-red-zone", "-mno-sse", "-mno-sse2", "-mno-mmx", "-mno-3dnow", "-mno-avx", "-mno-80387"],
  ...[
    "-msoft-float",
    "-fno-strict-aliasing",
    "-fno-common",
    "-fshort-wchar",
    "-fno-pie",
    "-fno-pic",
  ],
  ...["-fno-asynchronous-unwind-tables", "-fno-stack-protector", "-fcf-protection=none"],
  ...["-fno-delete-null-pointer-checks", "-D__KERNEL__", "-DMODULE"],
  ...["BASENAME", "MODNAME", "MODFILE"].map((name) => `-DKBUILD_${name}="decoy"`),
  "-D__KBUILD_MODNAME=decoy",
];

/**
 * The module of `decoy.c` for a Debian kernel, built by this host's gcc from the kernel's own headers.
 *
 * It has no checksums of the symbols it uses: Debian's kernels load it, and say that it was forced.
 */
export async function buildDecoy(
  suite: KernelOptions["suite"],
  release: string,
): Promise<Uint8Array> {
  const common = release.replace(/-(?:cloud-|rt-)?amd64$/, "-common");
  const packages = [release, common].map((name) => `linux-headers-${name}`);
  const fetched = await fetchPackages({ suite, packages, cacheDir: labCacheDir });
  const [headers = "", shared = ""] = packages.map((name) => join(fetched, "usr/src", name));
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "casemate-decoy-"));
  undo.defer(() => rm(directory, { recursive: true }));
  const { stdout } = await run("gcc", ["-print-file-name=include"]);
  const includes = [
    ...["arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi"].map((place) =>
      join(shared, place),
    ),
    ...["arch/x86/include/generated", "include"].map((place) => join(headers, place)),
    ...["arch/x86/include/generated/uapi", "include/generated/uapi"].map((place) =>
      join(headers, place),
    ),
  ];
  const known = await readdir(join(shared, "include/linux"));
  const first = ["compiler-version.h", "kconfig.h", "compiler_types.h"].filter((name) =>
    known.includes(name),
  );
  const object = join(directory, "decoy.ko");
  await run("gcc", [
    ...["-isystem", stdout.trim()],
    ...includes.map((place) => `-I${place}`),
    ...first.flatMap((name) => ["-include", join(shared, "include/linux", name)]),
    ...FLAGS,
    ...["-c", SOURCE, "-o", object],
  ]);
  return readFile(object);
}
