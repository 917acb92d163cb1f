import type { Command } from "commander";
import type { Context } from "../context.ts";
import { readOwnVersion } from "../own-version.ts";

export function configureVersion(command: Command, { output }: Context): void {
  command.option("--json", "print JSON").action(() => {
    const versions = {
      casemate: readOwnVersion(),
      node: process.versions.node,
      sqlite: process.versions["sqlite"] ?? "none",
      openssl: process.versions.openssl,
    };
    if (output.json) output.document("Version", versions);
    else {
      output.text(`casemate ${versions.casemate} (Node ${versions.node}, `);
      output.text(`SQLite ${versions.sqlite}, OpenSSL ${versions.openssl})\n`);
    }
  });
}
