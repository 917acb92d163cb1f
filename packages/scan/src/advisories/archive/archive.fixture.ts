import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A package to be built. */
export interface PackageRecipe {
  readonly name: string;
  readonly version: string;
  /** As the control file writes it: `tlslib (1:3.0-1)`. */
  readonly source?: string;
  readonly architecture?: string;
}

/** Runs a tool of the archive's making; throws with its words where it fails. */
export function runTool(
  program: string,
  args: readonly string[],
  { cwd, home }: { readonly cwd: string; readonly home?: string },
): string {
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", GNUPGHOME: home ?? cwd };
  const done = spawnSync(program, args, { cwd, env, encoding: "utf8" });
  if (done.status === 0) return done.stdout;
  throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? done.stderr}`);
}

/** A new key in a new GnuPG home below `directory`; its public part is written to `NAME.gpg` and `NAME.asc`. */
export function makeKey(
  directory: string,
  name: string,
): { readonly home: string; readonly keyring: string } {
  const home = join(directory, `gnupg-${name}`);
  mkdirSync(home, { mode: 0o700 });
  const place = { cwd: directory, home };
  const user = `${name}@archive.test`;
  runTool(
    "gpg",
    ["--batch", "--quiet", "--passphrase", "", "--quick-gen-key", user, "ed25519", "sign", "never"],
    place,
  );
  const keyring = join(directory, `${name}.gpg`);
  runTool("gpg", ["--batch", "--output", keyring, "--export", user], place);
  runTool(
    "gpg",
    ["--batch", "--armor", "--output", join(directory, `${name}.asc`), "--export", user],
    place,
  );
  return { home, keyring };
}

/** Ends the agent that GnuPG starts for a home. */
export function endAgent(directory: string, home: string): void {
  runTool("gpgconf", ["--kill", "gpg-agent"], { cwd: directory, home });
}

/** Packages built with dpkg-deb into `pool/` of the archive. */
export function buildPackages(archive: string, recipes: readonly PackageRecipe[]): void {
  const pool = join(archive, "pool");
  mkdirSync(pool, { recursive: true });
  for (const { name, version, source, architecture = "amd64" } of recipes) {
    const tree = join(archive, "..", "build", `${name}_${version.replace(":", "%3a")}`);
    mkdirSync(join(tree, "DEBIAN"), { recursive: true });
    const fields = [
      `Package: ${name}`,
      ...(source === undefined ? [] : [`Source: ${source}`]),
      `Version: ${version}`,
      `Architecture: ${architecture}`,
      "Maintainer: Tests <tests@archive.test>",
      "Description: nothing\n with a longer description\n .\n of several lines",
    ];
    writeFileSync(join(tree, "DEBIAN/control"), `${fields.join("\n")}\n`);
    runTool("dpkg-deb", ["--root-owner-group", "-Zgzip", "--build", tree, pool], { cwd: archive });
  }
}

/** The suite's indexes, compressed each way, and its Release file signed by the key in `home`. */
export function signSuite(
  archive: string,
  suite: string,
  home: string,
  fields: Readonly<Record<string, string>> = {},
): void {
  const index = join(archive, "dists", suite, "main/binary-amd64");
  mkdirSync(index, { recursive: true });
  const packages = runTool("apt-ftparchive", ["packages", "pool"], { cwd: archive });
  writeFileSync(join(index, "Packages"), packages);
  runTool("gzip", ["-kf", "Packages"], { cwd: index });
  runTool("xz", ["-kf", "Packages"], { cwd: index });
  runTool("zstd", ["-qkf", "Packages", "-o", "Packages.zst"], { cwd: index });
  const release = {
    Origin: "Debian",
    Label: "Debian-Security",
    Suite: "stable-security",
    Codename: suite,
    ...fields,
  };
  const options = Object.entries(release).flatMap(([name, value]) => [
    "-o",
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  const dists = join(archive, "dists", suite);
  writeFileSync(
    join(dists, "Release"),
    runTool("apt-ftparchive", [...options, "release", "."], { cwd: dists }),
  );
  runTool("gpg", ["--batch", "--yes", "--clearsign", "--output", "InRelease", "Release"], {
    cwd: dists,
    home,
  });
}
