import { fileURLToPath } from "node:url";

/** The rules that come with Casemate. */
export const shippedRuleDirectory = fileURLToPath(new URL("../../../../../rules", import.meta.url));
