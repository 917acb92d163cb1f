import { Type } from "typebox";

/** Names that Casemate gives VMs: they stand in the names of files, and need no quotes anywhere. */
export const vmName = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$",
  description: "Letters, digits and . _ + -, at most 63; not used by another VM of the host.",
});
