import { readFile, stat } from "node:fs/promises";
import { CasemateError, MiB } from "@casemate/core";

/** More than any proof or checkpoint that is meant takes, in bytes. */
const LIMIT = 64 * MiB;

/** The text of a file that was named on the command line. Throws `ledger/malformed`. */
export async function readGiven(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > LIMIT) throw new Error(`it has ${size} bytes`);
    return await readFile(path, "utf8");
  } catch (thrown) {
    const { message } = thrown as Error; // the file system and the line above throw nothing else
    throw new CasemateError(
      "ledger/malformed",
      `Cannot read ${path}: ${message}, expected a file of Casemate's ledger.`,
      { cause: thrown },
    );
  }
}
