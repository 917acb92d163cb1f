import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError, ExitCode, type Milliseconds, milliseconds } from "@casemate/core";
import { launchMoments } from "./launch-moments.ts";

/** What libvirt is to run before a VM starts or arrives. */
export interface HookOptions {
  /** libvirt's own directory of hooks; another for a libvirt with another configuration. */
  readonly directory?: string | undefined;
  /** The program and its words; libvirt's own words come after them. Absolute. It ends with 0 or, to refuse, 4. */
  readonly command: readonly string[];
  /** What holds where the program ends otherwise, or not in time: by default the VM may not run. */
  readonly otherwise?: "deny" | "permit";
  /** How long libvirt waits for the program at most. Default: 20 seconds. */
  readonly patience?: Milliseconds;
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
  const script = formatScript(options);
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

/**
 * Elsewhere than where a launch can be refused the script does nothing: there a failure would end a VM that
 * runs, as when libvirtd is started again (`reconnect`).
 */
function formatScript({
  command,
  otherwise = "deny",
  patience = milliseconds(20_000),
}: HookOptions): string {
  const seconds = String(patience / 1000);
  const words = ["timeout", "--kill-after=1", seconds, ...command];
  const late = `Casemate does not let %s run: it did not answer within ${seconds} s.\\n`;
  const rest = {
    deny: [`[ $code -ne 124 ] || printf ${quote(late)} "$1" >&2`, "exit $code"],
    permit: [`[ $code -ne ${ExitCode.denied} ] || exit $code`],
  };
  return [
    `${header}case "$2 $3" in`,
    `${Object.keys(launchMoments).map(quote).join(" | ")}) ;;`,
    "*) exit 0 ;;",
    "esac",
    `${words.map(quote).join(" ")} "$1" "$2" "$3" "$4"`,
    "code=$?",
    ...rest[otherwise],
    "",
  ].join("\n");
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
