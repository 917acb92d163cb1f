import { CasemateError } from "@casemate/core";

/**
 * Paths below the modules directory in the order in which `insmod` must get them, dependencies first.
 *
 * @param modulesDep text of `modules.dep`; @param modulesBuiltin text of `modules.builtin`, whose
 * modules need no loading; @param unknown what becomes of a module in neither: it is left out, or
 * `lab/build-failed` is thrown.
 */
export function moduleLoadOrder(
  wanted: readonly string[],
  modulesDep: string,
  modulesBuiltin: string,
  unknown: "leave out" | "throw" = "throw",
): string[] {
  const files = new Map<string, string[]>();
  for (const line of modulesDep.split("\n")) {
    const [file, needs] = line.split(":");
    if (file === undefined || needs === undefined) continue;
    files.set(moduleName(file), [file, ...needs.split(" ").filter((need) => need !== "")]);
  }
  const builtin = new Set(modulesBuiltin.split("\n").map(moduleName));
  const order = new Set<string>();
  for (const name of wanted.map(moduleName)) {
    if (builtin.has(name)) continue;
    const chain = files.get(name);
    if (chain === undefined) {
      if (unknown === "leave out") continue;
      throw new CasemateError(
        "lab/build-failed",
        `Cannot find the kernel module ${name}: it is neither in modules.dep nor built in.`,
      );
    }
    // modules.dep lists what a module needs with the deepest dependency last (modules.dep(5)).
    for (const file of chain.toReversed()) order.add(file);
  }
  return [...order];
}

/** `kernel/drivers/virtio/virtio-pci.ko.xz` is `virtio_pci`. */
function moduleName(file: string): string {
  return file
    .slice(file.lastIndexOf("/") + 1)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}
