import { MiB } from "@casemate/core";
import type { Look } from "../look.ts";
import type { PackageManifest } from "./package-manifest.ts";
import type { Digest, PackagedFile } from "./packaged-file.ts";

/** apk-tools 3 moved it to /usr/lib; with /lib a link to /usr/lib both are the same. */
const DATABASES = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"] as const;
const MAX_BYTES = 64 * MiB;
/** apk-tools, src/database.c: what has no access list has this one. */
const DIRECTORY_ACCESS = { uid: 0, gid: 0, mode: 0o755 };
const FILE_ACCESS = { uid: 0, gid: 0, mode: 0o644 };

/** What a file was, until a later line says what else it is. */
interface ApkEntry {
  readonly path: string;
  readonly isDirectory: boolean;
  access: { readonly uid: number; readonly gid: number; readonly mode: number };
  checksum?: Digest | undefined;
}

/** Adds the files of apk's packages (apk-installed(5)): `P:` package, `F:` directory, `R:` file, `Z:` its checksum. */
export function addApkFiles(manifest: Pick<PackageManifest, "add">, look: Look): void {
  for (const from of DATABASES) {
    const text = look.read(from, MAX_BYTES)?.toString("utf8");
    if (text === undefined) continue;
    addRecords(manifest, text);
    return;
  }
}

function addRecords(manifest: Pick<PackageManifest, "add">, text: string): void {
  let name = "";
  let directory = "";
  let entry: ApkEntry | undefined;
  const add = () => {
    if (entry !== undefined) manifest.add(entry.path, describe(name, entry));
    entry = undefined;
  };
  for (const line of text.split("\n")) {
    const value = line.slice(2);
    switch (line.slice(0, 2)) {
      case "":
        add();
        name = "";
        break;
      case "P:":
        name = value;
        break;
      case "F:":
        add();
        directory = value === "" ? "" : `/${value}`;
        if (value === "") break; // the root is every package's
        entry = { path: directory, isDirectory: true, access: DIRECTORY_ACCESS };
        break;
      case "R:":
        add();
        entry = { path: `${directory}/${value}`, isDirectory: false, access: FILE_ACCESS };
        break;
      case "M:":
      case "a:":
        if (entry !== undefined) entry.access = parseAccess(value) ?? entry.access;
        break;
      case "Z:":
        if (entry !== undefined) entry.checksum = parseChecksum(value);
        break;
    }
  }
  add();
}

/** A checksum is of a file's contents, or of where a link leads: which of both nobody says. */
function describe(name: string, { path, isDirectory, access, checksum }: ApkEntry): PackagedFile {
  // apk-tools, src/database.c: `+etc` is what it protects from being replaced, unless told otherwise.
  const isConfiguration = path.startsWith("/etc/");
  return {
    ...{ package: name, packageType: "apk", isConfiguration, mayBeMissing: false, ...access },
    ...(isDirectory ? { type: "directory" } : {}),
    ...(checksum === undefined ? {} : { digest: checksum }),
  };
}

/** `UID:GID:MODE`, and perhaps more after it. */
function parseAccess(text: string) {
  const [, uid, gid, mode] = /^(\d{1,10}):(\d{1,10}):([0-7]{1,5})(?::|$)/.exec(text) ?? [];
  if (mode === undefined) return undefined;
  return { uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode, 8) & 0o7777 };
}

/** `Q1` and SHA-1, or `Q2` and SHA-256, in base64; MD5 in hexadecimal by the oldest. */
function parseChecksum(text: string): Digest | undefined {
  if (/^[0-9a-f]{32}$/.test(text)) return { algorithm: "md5", hex: text };
  const hex = Buffer.from(text.slice(2), "base64").toString("hex");
  if (text.startsWith("Q1") && hex.length === 40) return { algorithm: "sha1", hex };
  if (text.startsWith("Q2") && hex.length === 64) return { algorithm: "sha256", hex };
  return undefined;
}
