/**
 * The inspector: reads guests' memory for the agent, without a right of its own but the descriptors
 * it is handed: memory comes over the local socket on descriptor 3.
 */

import { serveInspector } from "./serve-inspector.ts";

await serveInspector();
