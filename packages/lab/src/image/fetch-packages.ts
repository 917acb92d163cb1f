import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { cachedDirectory } from "../content-cache.ts";
import { runCommand } from "../run-command.ts";
import { archivesIn, makeAptRoot } from "./apt-root.ts";

export interface PackagesOptions {
  /** Debian's name of a release: `trixie`, `sid`. */
  readonly suite: string;
  /** Their names; what they depend on is to be among them, or on this host. */
  readonly packages: readonly string[];
  readonly cacheDir: string;
}

/**
 * The directory into which Debian packages of any suite are unpacked, without being installed: tools that this
 * host's release does not have. Downloaded once; the host's apt learns nothing of it.
 */
export async function fetchPackages(
  { suite, packages, cacheDir }: PackagesOptions,
  signal?: AbortSignal,
): Promise<string> {
  const names = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 16);
  return cachedDirectory(
    path.join(cacheDir, "packages"),
    `${suite}-${names}`,
    async (directory) => {
      const apt = path.join(directory, "apt");
      const settings = await makeAptRoot(apt, suite, signal);
      const run = (...args: string[]) =>
        runCommand("apt-get", [...settings, ...args], { cwd: apt }, signal);
      await run("update", "-q");
      await run("download", "-q", ...packages);
      for (const archive of await archivesIn(apt)) {
        await runCommand("dpkg-deb", ["--extract", archive, directory], {}, signal);
      }
      await rm(apt, { recursive: true });
    },
    signal,
  );
}
