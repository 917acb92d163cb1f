import { readFile, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { asRoot, defineCapability } from "../capability.ts";

export const swap = defineCapability({
  id: "swap",
  title: "Swap",
  async probe() {
    // proc_swaps(5): a header, then a line for each, its path first.
    const lines = (await readFile("/proc/swaps", "utf8")).trim().split("\n").slice(1);
    const plain: string[] = [];
    for (const line of lines) {
      const path = line.split(/\s+/)[0] ?? "";
      if (!(await keepsSecrets(path))) plain.push(path);
    }
    if (lines.length === 0) return { state: "ok", detail: "none: no guest's RAM reaches a disk" };
    if (plain.length === 0) return { state: "ok", detail: "encrypted or in RAM" };
    const detail = `${plain.join(", ")} is not known to be encrypted: guests' RAM may reach the disk`;
    return { state: "warning", detail, fix: asRoot(`swapoff ${plain.join(" ")}`) };
  },
});

/** Whether swap there is in RAM (zram) or encrypted (dm-crypt, by the device's own word). */
async function keepsSecrets(path: string): Promise<boolean> {
  try {
    const name = basename(await realpath(path));
    if (/^zram\d+$/.test(name)) return true;
    const uuid = await readFile(`/sys/class/block/${name}/dm/uuid`, "utf8");
    return uuid.startsWith("CRYPT-");
  } catch {
    return false; // a file, or a device that is no device-mapper's: told as not known
  }
}
