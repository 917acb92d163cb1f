import { closeSync, openSync } from "node:fs";
import { asRoot, defineCapability } from "../capability.ts";

const DEVICE = "/dev/net/tun";

export const tun = defineCapability({
  id: "tun",
  title: "Guests' network devices (TUN/TAP)",
  async probe() {
    try {
      closeSync(openSync(DEVICE, "r+")); // loads the module where it can be loaded
      return { state: "ok", detail: `${DEVICE} opens` };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT" || code === "ENODEV") {
        const fix = asRoot("modprobe tun");
        return { state: "missing", detail: `${DEVICE} is not there`, fix };
      }
      return { state: "unusable", detail: `${DEVICE} does not open: ${code ?? String(error)}` };
    }
  },
});
