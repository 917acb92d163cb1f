import { Type } from "typebox";

/** Where a NIC is plugged in, as people say it: one of the two. */
export const nicSource = {
  network: Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, description: "A libvirt network." }),
  ),
  bridge: Type.Optional(
    Type.String({ pattern: "^[A-Za-z0-9_.:-]{1,15}$", description: "A bridge of the host." }),
  ),
} as const;

export type NicSource =
  | { readonly kind: "network"; readonly network: string }
  | { readonly kind: "bridge"; readonly bridge: string };

/** Undefined unless exactly one is said. */
export function asNicSource(said: {
  readonly network?: string;
  readonly bridge?: string;
}): NicSource | undefined {
  const { network, bridge } = said;
  if (network !== undefined && bridge === undefined) return { kind: "network", network };
  if (bridge !== undefined && network === undefined) return { kind: "bridge", bridge };
  return undefined;
}

export function nicSourceWords(source: NicSource): string {
  return source.kind === "network" ? `network ${source.network}` : `bridge ${source.bridge}`;
}
