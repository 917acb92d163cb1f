import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { distroQualifier, readOsRelease } from "../system/os-release.ts";
import type { InstalledPackage } from "./installed-package.ts";
import { packageUrl } from "./package-url.ts";

/** apk-tools 3 moved it to /usr/lib. */
const DATABASES = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"] as const;
const MAX_BYTES = 64 * MiB;

/** Alpine's packages, by apk's database of what is installed (apk-tools, apk-installed(5)). */
export const apk: Collector<InstalledPackage> = {
  id: "packages/apk",
  *collect(look) {
    const release = readOsRelease(look);
    for (const from of DATABASES) {
      const text = look.read(from, MAX_BYTES)?.toString("utf8");
      if (text === undefined) continue;
      for (const { P: name, V: version, A: architecture, o: origin } of walkRecords(text)) {
        if (name === undefined || version === undefined) continue;
        yield {
          type: "apk",
          name,
          version,
          ...(architecture === undefined ? {} : { architecture }),
          source: { name: origin ?? name, version },
          purl: packageUrl({
            type: "apk",
            namespace: release?.id ?? "alpine",
            name,
            version,
            qualifiers: {
              arch: architecture,
              distro: release === undefined ? undefined : distroQualifier(release),
            },
          }),
          from,
        };
      }
      // With /lib a link to /usr/lib both are the same file.
      return;
    }
  },
};

interface ApkRecord {
  P?: string;
  V?: string;
  A?: string;
  o?: string;
}

/** Lines of a letter, a colon and a value; an empty one ends a package. Its files' lines are passed over. */
function* walkRecords(text: string): Generator<ApkRecord> {
  let record: ApkRecord = {};
  for (const line of text.split("\n")) {
    if (line === "") {
      yield record;
      record = {};
    }
    const letter = line[1] === ":" ? line[0] : undefined;
    if (letter === "P" || letter === "V" || letter === "A" || letter === "o") {
      record[letter] ??= line.slice(2);
    }
  }
  yield record;
}
