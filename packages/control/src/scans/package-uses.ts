import type { PackageUse, UsedPackage } from "@casemate/scan";

/**
 * How a package runs, the most exposed that is known of it: `listening` in a process that others can reach,
 * `mapped` in one of which that is not known.
 */
export type UseLevel = "listening" | "mapped" | "running-kernel" | "not-loaded" | "unknown";

/** How the packages of a state were used at one moment, as it is stored. */
export interface StoredUses {
  /** ISO 8601. */
  readonly at: string;
  /** By type and name: `deb openssl`. */
  readonly levels: Readonly<Record<string, UseLevel>>;
}

/** The part of what memory said that is kept. */
export function summarizeUses(uses: readonly PackageUse[], at: string): StoredUses {
  return { at, levels: Object.fromEntries(uses.map((use) => [keyOf(use), levelOf(use)])) };
}

/** How a finding's package is used, by what was stored. */
export function findUse({ levels }: StoredUses, of: UsedPackage): UseLevel {
  const key = keyOf(of);
  return (Object.hasOwn(levels, key) ? levels[key] : undefined) ?? "unknown";
}

function levelOf(use: PackageUse): UseLevel {
  if (use.state !== "mapped") return use.state;
  const isListening = use.processes.some(({ listening = [] }) => listening.length > 0);
  return isListening ? "listening" : "mapped";
}

const keyOf = ({ type, package: name }: UsedPackage): string => `${type} ${name}`;
