import { interfacesTruths } from "./interfaces.ts";
import { socketsTruths } from "./sockets.ts";
import type { Truth } from "./truth.ts";

/** All that guests are asked, in this order: one guest is asked everything. */
export const truths: readonly Truth[] = [...socketsTruths, ...interfacesTruths];
