import { type InventoryRows, inventory } from "./inventory.ts";
import { malwareSection } from "./malware/malware-section.ts";
import { readYaraRuleFiles } from "./malware/yara-rule-files.ts";
import { YaraScanner } from "./malware/yara-scanner.ts";
import { secretsSection } from "./secrets/secrets-section.ts";
import type { Sections } from "./section.ts";

export interface InventoryOptions {
  /** What fingerprints of secrets are salted with, the same in every scan of an installation; random unless given. */
  readonly salt?: Uint8Array | undefined;
  /** Files of YARA rules, and directories of them. */
  readonly rules?: readonly string[] | undefined;
  /** Whether rules are for all files; for programs and scripts alone unless given. */
  readonly allFiles?: boolean | undefined;
}

/** The inventory with what a caller has for it, and what to dispose of after the scan. */
export interface PreparedInventory extends Disposable {
  readonly sections: Sections<InventoryRows>;
}

/**
 * Reads and compiles rules, all that scans with them need: for before privileges are dropped. Throws
 * `rules/unreadable`, `rules/malformed`.
 */
export function inventoryWith({ salt, rules, allFiles }: InventoryOptions): PreparedInventory {
  const scanner = rules === undefined ? undefined : new YaraScanner(readYaraRuleFiles(rules));
  const malware = scanner === undefined ? undefined : { scanner, allFiles: allFiles === true };
  return {
    sections: {
      ...inventory,
      secrets: secretsSection(salt),
      malware: malwareSection(malware),
    },
    [Symbol.dispose]: () => scanner?.[Symbol.dispose](),
  };
}
