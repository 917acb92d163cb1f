import { defineCapability } from "../capability.ts";
import { isBefore, parseVersion } from "../versions.ts";

const OLDEST = [24, 0] as const;

export const node = defineCapability({
  id: "node",
  title: "Node.js",
  async probe() {
    const detail = `version ${process.versions.node}`;
    const version = parseVersion(process.versions.node);
    if (version !== undefined && !isBefore(version, OLDEST)) return { state: "ok", detail };
    return { state: "unusable", detail: `${detail}; ${OLDEST[0]} is needed`, fix: "npm start" };
  },
});
