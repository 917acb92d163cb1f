import { CasemateError, milliseconds } from "@casemate/core";
import { type AgentAnswer, type AgentQuestion, isForContents } from "@casemate/inspect";
import type { SweepRequest } from "./guest-sweep.ts";
import type { InspectorAnswer, InspectorRequest } from "./inspector/messages.ts";
import type { InspectedGuest } from "./inspector.ts";

/** Puts questions to the agent in a guest; answers come in their order, and none is waited for for ever. */
export type AgentTalk = (questions: readonly AgentQuestion[]) => Promise<readonly AgentAnswer[]>;

/** HOSTILE: neither an inspector nor an agent has others ask for ever. */
const MAX_ROUNDS = 5;
/** How much more time an agent has for all than a look. */
const TIMES = 10;

/**
 * Has the agent in a guest asked what the inspector wants to know for the sweep that follows, and tells the
 * inspector, who alone looks into them, the answers.
 */
export async function interviewAgent(
  inspector: (request: InspectorRequest) => Promise<InspectorAnswer>,
  { key, talk }: InspectedGuest,
  { budget, detectors, classes }: SweepRequest,
  signal?: AbortSignal,
): Promise<void> {
  const request = { budget, detectors, classes };
  const put = talk(milliseconds(TIMES * budget), signal);
  let answers: readonly AgentAnswer[] | undefined;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const answer = await inspector({ ask: "interview", guest: key, request, answers });
    if (!("questions" in answer)) throw unfit("it has no questions, expected them");
    if (!classes.includes("fileContents") && answer.questions.some(isForContents)) {
      throw unfit("it asks for what stands in files, expected it to have leave to read them");
    }
    if (answer.questions.length === 0) return;
    answers = await put(answer.questions);
  }
}

function unfit(seen: string): CasemateError {
  return new CasemateError("inspect/crashed", `Cannot take the inspector's answer: ${seen}.`);
}
