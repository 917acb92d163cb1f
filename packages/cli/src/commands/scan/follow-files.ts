import type { FileEvent } from "@casemate/control";
import { ExitCode } from "@casemate/core";
import { openClient } from "../../client/open-client.ts";
import type { Context } from "../../context.ts";
import { describeFileEvent } from "../../output/file-event.ts";
import { stopOnSignals } from "../../stop-on-signals.ts";

export interface FollowOptions {
  readonly data?: string | undefined;
  /** A request for this that has been approved. */
  readonly request?: string | undefined;
}

/** `casemate scan VM --follow`: a line for each thing that happens to the VM's files, until Ctrl-C. */
export async function followFiles(
  vm: string,
  { request, ...options }: FollowOptions,
  { environment, output, exitWith }: Context,
  asJson: boolean,
): Promise<void> {
  const client = await openClient(environment, options);
  const signal = stopOnSignals(() => {});
  const path = `/api/v1/vms/${encodeURIComponent(vm)}/file-events`;
  const body = request === undefined ? {} : { request };
  for await (const document of client.listen(path, body, signal)) {
    const event = document as unknown as FileEvent; // our own control plane answered
    if (asJson) output.line(event);
    else output.text(`${describeFileEvent(event)}\n`);
    if (event.what === "missed") exitWith(ExitCode.inconclusive);
  }
}
