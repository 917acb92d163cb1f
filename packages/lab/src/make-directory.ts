import { chmod, mkdir } from "node:fs/promises";
import path from "node:path";

/** Makes a directory and its missing parents so that every user may enter them, whatever the umask. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = path.resolve(directory); ; made = path.dirname(made)) {
    await chmod(made, 0o755);
    if (made === first || made === "/") return;
  }
}
