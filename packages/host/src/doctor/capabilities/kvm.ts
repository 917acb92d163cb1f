import { readFile } from "node:fs/promises";
import { probeAccelerator } from "../../kvm/probe-accelerator.ts";
import { asRoot, defineCapability } from "../capability.ts";

export const kvm = defineCapability({
  id: "kvm",
  title: "Hardware acceleration (KVM)",
  async probe({ dataDirectory }, signal) {
    const { kind, reason } = await probeAccelerator(dataDirectory, signal);
    if (kind === "kvm") return { state: "ok", detail: reason };
    const detail = `${reason}; guests run under emulation (TCG), some ten times slower`;
    if (reason.endsWith("is not there")) {
      const flags = await readFile("/proc/cpuinfo", "utf8");
      const module = /\bvmx\b/.test(flags) ? "kvm_intel" : "kvm_amd";
      if (/\b(vmx|svm)\b/.test(flags)) {
        return { state: "missing", detail, fix: asRoot(`modprobe ${module}`) };
      }
      return { state: "missing", detail: `${detail}; the processor offers no virtualization` };
    }
    if (reason.startsWith("this user")) {
      return { state: "unusable", detail, fix: 'sudo usermod -aG kvm "$USER"' };
    }
    return { state: "unusable", detail };
  },
});
