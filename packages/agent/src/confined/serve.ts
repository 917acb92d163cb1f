import { type ErrorCode, toCasemateError } from "@casemate/core";
import { dieWithParent } from "./die-with-parent.ts";
import { dropPrivileges } from "./drop-privileges.ts";
import { walkFrames } from "./frames.ts";

/** Where the agent sends descriptors (`receiveFds`). */
export const fdSocket = 3;

/** How long what is sent just before a question may take to come, in milliseconds. */
export const fdTimeoutMs = 1_000;

/** What is answered instead where something went wrong. */
export interface Failure {
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/**
 * Gives up every right, then answers the agent's questions in order until it hangs up: they come as frames on
 * stdin, answers go to stdout. The process's only argument is the agent's process id.
 */
export async function serve<Request, Answer>(
  answer: (request: Request) => Promise<Answer | Failure>,
  encode: (answer: Answer | Failure) => Buffer,
): Promise<void> {
  dropPrivileges();
  dieWithParent(Number(process.argv[2]));
  for await (const frame of walkFrames(process.stdin, "agent")) {
    const request = frame as Request; // the agent is trusted, and wrote it
    const answered = await answer(request).catch((thrown: unknown) => {
      const { code, message } = toCasemateError(thrown);
      return { error: { code, message } };
    });
    process.stdout.write(encode(answered));
  }
}
