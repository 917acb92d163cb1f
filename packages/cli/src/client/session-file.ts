import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ClientFile } from "@casemate/control";
import { CasemateError } from "@casemate/core";
import { isClientFile } from "./read-client-file.ts";

/** The session that a user logged in to: where, and what opens it. */
export async function readSessionFile(path: string): Promise<ClientFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw fileError("read", path, cause);
  }
  const value = parseJson(text);
  if (isClientFile(value)) return value;
  throw new CasemateError(
    "data/damaged",
    `Cannot read the session ${path}: it is not what Casemate wrote, expected url, token and certificate.`,
    { next: "Log in again with `casemate login`." },
  );
}

/** Writes it for its user alone, whole or not at all. */
export async function writeSessionFile(path: string, session: ClientFile): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(`${path}.new`, { force: true });
    await writeFile(`${path}.new`, JSON.stringify(session), { mode: 0o600, flag: "wx" });
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw fileError("write", path, cause);
  }
}

export async function removeSessionFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by whoever reads it
  }
}

function fileError(verb: string, path: string, cause: unknown): CasemateError {
  const seen = cause instanceof Error ? cause.message : String(cause);
  return new CasemateError("system/not-permitted", `Cannot ${verb} ${path}: ${seen}.`, { cause });
}
