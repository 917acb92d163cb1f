import { readFileSync } from "node:fs";

/** The version of Casemate that this is. */
export function readOwnVersion(): string {
  const path = new URL("../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8"));
  return String(version);
}
