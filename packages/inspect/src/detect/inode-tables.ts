import { walkInodeTables } from "../linux/walk-inode-tables.ts";
import { checkFunctionTables } from "./check-function-tables.ts";
import { defineDetector } from "./detector.ts";

/** Single files and directories whose functions were exchanged for others. */
export const inodeTables = defineDetector({
  id: "inode-tables",
  title: "Functions of single files",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  // It visits every inode that is in memory.
  cost: "high",
  blindTo: [
    "Files that are not in memory: whoever changes one's functions keeps it there.",
    "A function that was exchanged for another of the kernel image itself.",
  ],
  check({ kernel }, inspection) {
    checkFunctionTables(kernel, walkInodeTables(kernel), inspection);
  },
});
