/**
 * The scanner: reads one system's disks for the agent, without a right of its own but the descriptors it is
 * handed: files and connected sockets come over the local socket on descriptor 3.
 */

import { serveScans } from "./serve-scans.ts";

await serveScans();
