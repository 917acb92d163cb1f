import { readFile } from "node:fs/promises";
import { asRoot, defineCapability } from "../capability.ts";

const readOr = (path: string, otherwise: string): Promise<string> =>
  readFile(path, "utf8").then(
    (text) => text.trim(),
    () => otherwise,
  );

export const confinement = defineCapability({
  id: "confinement",
  title: "Confinement of QEMU (AppArmor, SELinux)",
  async probe() {
    if ((await readOr("/sys/module/apparmor/parameters/enabled", "N")) === "Y") {
      return { state: "ok", detail: "AppArmor is on: libvirt gives each QEMU its own profile" };
    }
    const enforcing = await readOr("/sys/fs/selinux/enforce", "none");
    if (enforcing === "1") {
      return { state: "ok", detail: "SELinux is enforcing: libvirt gives each QEMU its own label" };
    }
    if (enforcing === "0") {
      const detail = "SELinux only warns: a guest that escapes QEMU meets no second wall";
      return { state: "warning", detail, fix: asRoot("setenforce 1") };
    }
    const detail = "neither is on: a guest that escapes QEMU meets no second wall";
    return { state: "warning", detail };
  },
});
