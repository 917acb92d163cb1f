import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientFile } from "@casemate/control";
import { CasemateError } from "@casemate/core";

/** The client file a running control plane left in `directory`. Throws `api/unreachable`, `system/not-permitted`. */
export async function readClientFile(directory: string): Promise<ClientFile> {
  const path = join(directory, "client.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      throw new CasemateError(
        "system/not-permitted",
        `Cannot read ${path}: it belongs to another user, expected the user who runs Casemate.`,
        { cause: thrown },
      );
    }
    throw new CasemateError(
      "api/unreachable",
      `Cannot reach the control plane: ${path} is not there, expected one that a running Casemate wrote.`,
      { cause: thrown },
    );
  }
  const parsed: unknown = parseJson(text);
  if (isClientFile(parsed)) return parsed;
  throw new CasemateError(
    "data/damaged",
    `Cannot read ${path}: it is not what Casemate wrote, expected url, token and certificate.`,
    { next: "Start Casemate again: it writes the file anew." },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // isClientFile refuses it
  }
}

export function isClientFile(value: unknown): value is ClientFile {
  return (
    typeof value === "object" &&
    value !== null &&
    "url" in value &&
    typeof value.url === "string" &&
    "token" in value &&
    typeof value.token === "string" &&
    "certificate" in value &&
    typeof value.certificate === "string"
  );
}
