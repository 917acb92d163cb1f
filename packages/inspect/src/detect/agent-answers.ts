import { recallBooks } from "./agent/memory.ts";
import { reportDisputes } from "./agent/report-disputes.ts";
import { defineDetector } from "./detector.ts";

/** What the agent in a guest says of it, against what memory has. */
export const agentAnswers = defineDetector({
  id: "agent-answers",
  title: "What the guest agent says against memory",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  given: "agent",
  blindTo: [
    "Whatever the agent is not asked. It is asked for processes, modules, TCP and UDP sockets, and network interfaces.",
    "Processes that are listed but are none, and those that lists leave out, where the agent may run no program (`guest-exec`): then it is asked for each program of memory by its number.",
    "What came or went while the agent was asked.",
    "An agent that tells the truth although the programs of the guest do not.",
    "What an agent says that is in a container of its own: it is told that it is.",
  ],
  check(access, inspection) {
    const { interview } = inspection;
    if (interview === undefined)
      inspection.missed("what the agent in the guest says", "It was not asked.");
    else reportDisputes(interview, recallBooks(access), inspection);
  },
});
