import { toCasemateError } from "@casemate/core";
import { digestOf, pathOfFile } from "./agent/file-topic.ts";
import { recallFiles } from "./agent/memory.ts";
import { reportDisputes } from "./agent/report-disputes.ts";
import { MAX_FILE_BYTES } from "./agent/witnessed-files.ts";
import { defineDetector } from "./detector.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { Evidence } from "./suspicion.ts";

/** What the agent in a guest reads of files, against what memory has of them and what the disk has. */
export const agentFiles = defineDetector({
  id: "agent-files",
  title: "What the guest agent reads of files against memory and disk",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata", "fileContents"],
  cost: "high",
  given: "agent",
  blindTo: [
    "Files that the agent is not asked for: accounts, what lets in over SSH, the dynamic linker's list, and some programs are.",
    "Files of more than 4 MiB, and such that are not wholly in memory once they were read: of those the size is compared.",
    "A file that the agent finds and memory knows nothing of.",
  ],
  check(access, inspection) {
    const { interview, files } = inspection;
    if (interview === undefined) {
      inspection.missed("what the agent in the guest reads", "It was not asked.");
      return;
    }
    reportDisputes(interview, recallFiles(access), inspection, ({ key }) => [readDisk(files, key)]);
  },
});

/** What the guest's disk has of a file that the agent and memory have otherwise. */
function readDisk(files: GuestFiles | undefined, key: string): Evidence {
  const what = "the disk";
  if (files === undefined) return { what, seen: "cannot be read" };
  try {
    const bytes = files.read(pathOfFile(key), MAX_FILE_BYTES + 1);
    if (bytes === undefined) return { what, seen: "says that there is none" };
    return { what, seen: `size ${bytes.length}, contents ${digestOf(bytes)}` };
  } catch (thrown) {
    return { what, seen: toCasemateError(thrown).message };
  }
}
