import { type FileHandle, open, stat } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import {
  type FileDigest,
  type MachineDescription,
  maxDescriptorCharacters,
  parseDescriptor,
  parseManifest,
  readTar,
} from "@casemate/formats";
import { storageError } from "./storage-error.ts";

/** Bytes of a descriptor or of a manifest: a character has up to four. */
const maxTextBytes = 4 * maxDescriptorCharacters;

/** A file of a package, and where its bytes are. */
export interface PackedFile {
  readonly name: string;
  /** The archive that holds it, or the file itself. */
  readonly path: string;
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
  /** Whether it is in an archive, where zeros fill it up to whole sectors. */
  readonly packed: boolean;
}

/** An OVF package, its files not yet read. HOSTILE: its author wrote all of it. */
export interface OvfPackage {
  readonly machine: MachineDescription;
  /** The descriptor, what it refers to, and what the manifest names; in a fixed order. */
  readonly files: ReadonlyMap<string, PackedFile>;
  /** By the files' names; undefined where there is none. */
  readonly manifest: ReadonlyMap<string, FileDigest> | undefined;
}

/**
 * The OVF package at `file`: an `.ova`, or an `.ovf` with its files beside it.
 *
 * @param find the real path of a file that may be read; undefined where nothing is. It decides what a package
 * may name.
 *
 * HOSTILE: its author wrote all of it. Throws `package/malformed`, `package/mismatch` where a file is missing
 * or not as long as said, and what `find` throws.
 */
export async function readPackage(
  file: string,
  find: (file: string) => Promise<string | undefined>,
): Promise<OvfPackage> {
  try {
    return await (/\.ovf$/i.test(file) ? readLoose(file, find) : readOva(file, find));
  } catch (cause) {
    throw storageError(`read ${file}`, cause);
  }
}

async function readOva(
  file: string,
  find: (file: string) => Promise<string | undefined>,
): Promise<OvfPackage> {
  const archive = await fileAt(file, path.basename(file), find);
  if (archive === undefined) throw missing(path.basename(file));
  await using handle = await open(archive.path, "r");
  const read = (offset: number, length: number) => readExactly(handle, offset, length);
  const entries = await readTar(read, archive.size);
  const inside = new Map(
    entries.map((entry): [string, PackedFile] => [
      entry.name,
      { ...entry, path: archive.path, packed: true },
    ]),
  );
  const [descriptor] = entries;
  if (descriptor === undefined || !/\.ovf$/i.test(descriptor.name)) {
    throw malformed(
      `begins with ${JSON.stringify(descriptor?.name ?? "nothing")}`,
      "its descriptor",
    );
  }
  const manifests = entries.filter(({ name }) => /\.mf$/i.test(name));
  if (manifests.some(({ name }) => name !== manifestName(descriptor.name))) {
    throw malformed("holds another's manifest", `${manifestName(descriptor.name)} alone`);
  }
  return await assemble(descriptor.name, async (name) => inside.get(name));
}

async function readLoose(
  file: string,
  find: (file: string) => Promise<string | undefined>,
): Promise<OvfPackage> {
  const directory = path.dirname(file);
  return await assemble(path.basename(file), (name) =>
    fileAt(path.join(directory, name), name, find),
  );
}

async function assemble(
  descriptorName: string,
  find: (name: string) => Promise<PackedFile | undefined>,
): Promise<OvfPackage> {
  const descriptor = await find(descriptorName);
  if (descriptor === undefined) throw missing(descriptorName);
  const { machine, files: stated } = parseDescriptor(await readText(descriptor));
  const manifestFile = await find(manifestName(descriptorName));
  const manifest =
    manifestFile === undefined ? undefined : parseManifest(await readText(manifestFile));
  const files = new Map([[descriptorName, descriptor]]);
  const sizes = new Map(stated.map(({ name, size }) => [name, size]));
  for (const name of [...sizes.keys(), ...(manifest?.keys() ?? [])]) {
    const file = files.get(name) ?? (await find(name));
    if (file === undefined) throw missing(name);
    const size = sizes.get(name);
    if (size !== undefined && size !== file.size) {
      throw new CasemateError(
        "package/mismatch",
        `Cannot use the package: ${name} has ${file.size} bytes, expected ${size} as its descriptor says.`,
      );
    }
    files.set(name, file);
  }
  return { machine, files, manifest };
}

function manifestName(descriptorName: string): string {
  return descriptorName.replace(/\.ovf$/i, ".mf");
}

async function fileAt(
  file: string,
  name: string,
  find: (file: string) => Promise<string | undefined>,
): Promise<PackedFile | undefined> {
  const real = await find(file);
  if (real === undefined) return undefined;
  // A pipe would be waited for, and would hold another thing each time.
  const info = await stat(real);
  if (!info.isFile()) throw malformed(`holds ${name}, which is no file`, "files");
  return { name, path: real, offset: 0, size: info.size, packed: false };
}

async function readText({ name, path: at, offset, size }: PackedFile): Promise<string> {
  if (size > maxTextBytes) {
    throw malformed(`has a ${name} of ${size} bytes`, `at most ${maxTextBytes}`);
  }
  await using handle = await open(at, "r");
  const data = await readExactly(handle, offset, size);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch (cause) {
    throw malformed(`has a ${name} in another encoding`, "UTF-8", cause);
  }
}

async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(buffer, at, length - at, offset + at);
    if (bytesRead === 0)
      throw malformed(`ends at byte ${offset + at}`, `${length - at} bytes more`);
    at += bytesRead;
  }
  return buffer;
}

function missing(name: string): CasemateError {
  return new CasemateError(
    "package/mismatch",
    `Cannot use the package: ${name} is not there, expected all its files.`,
  );
}

function malformed(seen: string, expected: string, cause?: unknown): CasemateError {
  return new CasemateError(
    "package/malformed",
    `Cannot read the package: it ${seen}, expected ${expected}.`,
    cause === undefined ? {} : { cause },
  );
}
