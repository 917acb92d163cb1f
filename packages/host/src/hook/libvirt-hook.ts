import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";

/** What libvirt is to run before a VM starts or arrives. */
export interface HookOptions {
  /** libvirt's own directory of hooks; another for a libvirt with another configuration. */
  readonly directory?: string | undefined;
  /** The program and its words; libvirt's own words come after them. Absolute. */
  readonly command: readonly string[];
}

export type HookStatus =
  | { readonly kind: "absent" }
  | { readonly kind: "installed"; readonly path: string; readonly script: string }
  /** Somebody else's file stands where ours would. */
  | { readonly kind: "foreign"; readonly path: string };

const standard = "/etc/libvirt/hooks";

/** The first lines of our script: by them it is known as ours. */
const header = "#!/bin/sh\n# Casemate: asks the policy before a VM starts or arrives.\n";

/**
 * Has libvirt ask Casemate before a VM starts or arrives: a script of its own in `qemu.d`, which libvirt
 * runs beside the machine's other hooks (libvirt.org/hooks.html, since 6.5.0). A libvirtd that found no
 * hook when it started must be restarted once; VMs run on meanwhile.
 *
 * Throws `hook/foreign` where somebody else's file stands there, `system/not-permitted`.
 */
export async function installHook(options: HookOptions): Promise<string> {
  const path = pathIn(options.directory);
  const status = await readHookStatus(options.directory);
  if (status.kind === "foreign") throw foreign(path, "write");
  const script = `${header}exec ${options.command.map(quote).join(" ")} "$1" "$2" "$3" "$4"\n`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(`${path}.new`, script, { mode: 0o700 });
    await chmod(`${path}.new`, 0o700);
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw notPermitted("write", path, cause);
  }
  return path;
}

/** Removes the script; nothing where there is none. Throws as `installHook`. */
export async function removeHook(directory?: string): Promise<void> {
  const path = pathIn(directory);
  const status = await readHookStatus(directory);
  if (status.kind === "foreign") throw foreign(path, "remove");
  try {
    await rm(path, { force: true });
  } catch (cause) {
    throw notPermitted("remove", path, cause);
  }
}

/** Throws `system/not-permitted`. */
export async function readHookStatus(directory?: string): Promise<HookStatus> {
  const path = pathIn(directory);
  try {
    const script = await readFile(path, "utf8");
    return script.startsWith(header)
      ? { kind: "installed", path, script }
      : { kind: "foreign", path };
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent" };
    throw notPermitted("read", path, cause);
  }
}

function pathIn(directory: string = standard): string {
  return join(directory, "qemu.d", "casemate");
}

/** A word that the shell takes as it is (POSIX.1-2017, 2.2.2). */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function foreign(path: string, verb: string): CasemateError {
  return new CasemateError(
    "hook/foreign",
    `Cannot ${verb} the hook ${path}: the file is not Casemate's, expected none or its own.`,
  );
}

function notPermitted(verb: string, path: string, cause: unknown): CasemateError {
  const seen = cause instanceof Error ? cause.message : String(cause);
  return new CasemateError("system/not-permitted", `Cannot ${verb} the hook ${path}: ${seen}.`, {
    cause,
  });
}
