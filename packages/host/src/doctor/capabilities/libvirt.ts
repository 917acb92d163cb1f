import koffi from "koffi";
import { defineCapability, install } from "../capability.ts";
import { describeLacking, type Feature, isBefore, type Version } from "../versions.ts";

const OLDEST = [7, 0] as const;
/** libvirt's release notes (NEWS.rst). */
const FEATURES: readonly Feature[] = [
  { since: [9, 0], what: "deleting external snapshots" },
  { since: [9, 9], what: "reverting to external snapshots" },
];

export const libvirt = defineCapability({
  id: "libvirt",
  title: "libvirt",
  async probe() {
    const version = readVersion();
    const fix = install("libvirt-daemon-system");
    if (version === undefined)
      return { state: "missing", detail: "libvirt.so.0 is not there", fix };
    const detail = `version ${version.join(".")}${describeLacking(version, FEATURES)}`;
    if (!isBefore(version, OLDEST)) return { state: "ok", detail };
    return { state: "warning", detail: `${detail}; at least ${OLDEST.join(".")} is needed`, fix };
  },
});

/** What the library itself says; `undefined` when there is none. */
function readVersion(): Version | undefined {
  try {
    const library = koffi.load("libvirt.so.0");
    const ask = library.func("int virGetVersion(_Out_ ulong *libVer, void *type, void *typeVer)");
    const answer: [number] = [0];
    if (ask(answer, null, null) !== 0) return undefined;
    return [Math.floor(answer[0] / 1_000_000), Math.floor(answer[0] / 1000) % 1000];
  } catch {
    return undefined; // the loader's only reason is that it is not there or not whole
  }
}
