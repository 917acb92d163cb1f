import { parseArgs } from "node:util";
import { detectors } from "../../src/detect/detectors.ts";
import { guestKinds } from "./guest-kinds.ts";

const { values } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    detector: { type: "string", default: "" },
    kernel: { type: "string", default: "" },
  },
  strict: false,
});
const isWanted = (name: string, word: unknown) => name.includes(String(word));
const wantedKinds = guestKinds.filter(({ suite }) => isWanted(suite, values["kernel"]));
const wantedDetectors = detectors.filter(({ id }) => isWanted(id, values["detector"]));

/** What is tried: `node FILE --detector hidden --kernel bookworm` tries some only, `--write` writes pages. */
export const chosen = {
  write: values["write"] === true,
  kinds: wantedKinds,
  detectors: wantedDetectors,
  /** Whether that is all there is. */
  isWhole: wantedKinds.length === guestKinds.length && wantedDetectors.length === detectors.length,
};
