import type { Seen } from "../../spine/operation.ts";

/** What became of a look: nothing shows of it from outside, so all there is is whether it was answered. */
export async function seeAnswer({ executed }: { readonly executed: boolean }): Promise<Seen> {
  if (executed) return { kind: "done" };
  const why = "Casemate ended before it is known whether the look was answered.";
  return { kind: "unknown", why };
}
