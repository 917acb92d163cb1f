import { fileURLToPath } from "node:url";

/** The policies that come with Casemate. */
export const shippedPolicyDirectory = fileURLToPath(new URL("../../../policy", import.meta.url));
