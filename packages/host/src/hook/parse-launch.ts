import { describeDomain } from "../domain-xml/describe-domain.ts";
import { launchMoments } from "./launch-moments.ts";

/** A VM that libvirt is about to run, as it tells its hook. */
export interface Launch {
  readonly what: "start" | "receive";
  readonly uuid: string;
  readonly name: string;
  readonly labels: readonly string[];
  /** libvirt's networks that it is on. */
  readonly networks: readonly string[];
}

/**
 * What libvirt tells its hook, as the launch it is about; `undefined` where a launch cannot be refused.
 *
 * @param moment the hook's second and third word, with a space between.
 * @param definition the domain's definition. HOSTILE: its author wrote it.
 *
 * Throws `definition/malformed`.
 */
export function parseLaunch(moment: string, definition: () => string): Launch | undefined {
  const what = launchMoments[moment];
  if (what === undefined) return undefined;
  const { uuid, name, labels, nics } = describeDomain(definition());
  const networks = nics.flatMap(({ source }) =>
    source.kind === "network" ? [source.network] : [],
  );
  return { what, uuid, name, labels, networks };
}
