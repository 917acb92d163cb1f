import { inventory } from "./inventory.ts";
import type { InventoryRows } from "./inventory-tables.ts";
import { malwareSection } from "./malware/malware-section.ts";
import type { YaraEngine } from "./malware/yara-engine.ts";
import type { YaraRuleFile } from "./malware/yara-rule-files.ts";
import { YaraScanner } from "./malware/yara-scanner.ts";
import { secretsSection } from "./secrets/secrets-section.ts";
import type { Sections } from "./section.ts";

export interface InventoryOptions {
  /** What fingerprints of secrets are salted with, the same in every scan of an installation; random unless given. */
  readonly salt?: Uint8Array | undefined;
  readonly rules?: readonly YaraRuleFile[] | undefined;
  /** Whether rules are for all files; for programs and scripts alone unless given. */
  readonly allFiles?: boolean | undefined;
  /** What puts files to the rules; read now unless given. */
  readonly engine?: YaraEngine | undefined;
}

/** The inventory with what a caller has for it, and what to dispose of after the scan. */
export interface PreparedInventory extends Disposable {
  readonly sections: Sections<InventoryRows>;
}

/** Compiles the rules, for scans with them. Throws `rules/malformed`. */
export function inventoryWith({
  salt,
  rules,
  allFiles,
  engine,
}: InventoryOptions): PreparedInventory {
  const scanner = rules === undefined ? undefined : new YaraScanner(rules, { engine });
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
