import type { OnProgress } from "@casemate/agent";
import { formatBytes, type JsonObject } from "@casemate/core";
import type { ExecuteCall } from "../../spine/operation.ts";

/** Tells how far a job is that is the part from `from` to `to` of an operation. */
export function jobProgress(
  { progress }: Pick<ExecuteCall<JsonObject>, "progress">,
  doing: string,
  from = 0,
  to = 1,
): OnProgress {
  progress(from, doing);
  return ({ done, total }) => {
    const share = total === undefined || total === 0 ? 0 : Math.min(done / total, 1);
    const so =
      total === undefined ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;
    progress(from + (to - from) * share, `${doing}: ${so}`);
  };
}
