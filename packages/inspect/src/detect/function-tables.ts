import { walkFunctionTables } from "../linux/walk-function-tables.ts";
import { checkFunctionTables } from "./check-function-tables.ts";
import { defineDetector } from "./detector.ts";

/** Functions of files, directories, sockets and terminals that were exchanged for others. */
export const functionTables = defineDetector({
  id: "function-tables",
  title: "Tables of functions",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A function that was exchanged for another of the kernel image itself.",
    "Tables that are not led to by /proc, file systems, socket families, packet types or terminals: those of single inodes and open files are inode-tables', and where they are read-only constant-pointers sees them.",
    "An entry of /proc of the kernel's own, other than those of socket protocols, that was given to a module that is listed.",
  ],
  check({ kernel }, inspection) {
    checkFunctionTables(kernel, walkFunctionTables(kernel), inspection);
  },
});
