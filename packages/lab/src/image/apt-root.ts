import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";
import { readDebianMirror, sourceLines } from "./apt-sources.ts";

/** An apt root with nothing installed and one suite; returns the options that make apt use it. */
export async function makeAptRoot(
  apt: string,
  suite: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const mirror = await readDebianMirror(signal);
  if (mirror === undefined) {
    throw new CasemateError(
      "system/missing",
      `Cannot fetch packages of ${suite}: this host's apt has no Debian source, expected one.`,
      { next: "Add Debian's main and security archives to the host's apt sources." },
    );
  }
  for (const place of ["lists/partial", "archives/partial"]) {
    await mkdir(path.join(apt, place), { recursive: true });
  }
  // Debian 11 is signed by keys that older keyrings hold under this same name.
  const keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  const lines = sourceLines(mirror, suite).replaceAll(/^deb /gm, `deb ${keyring} `);
  await writeFile(path.join(apt, "sources.list"), lines);
  await writeFile(path.join(apt, "status"), "");
  // Apt would not choose what is newer in experimental unless told to (apt_preferences(5)).
  const pin = "Package: *\nPin: release a=experimental\nPin-Priority: 500\n";
  await writeFile(path.join(apt, "preferences"), pin);
  const settings = {
    "Dir::State::lists": path.join(apt, "lists"),
    "Dir::State::status": path.join(apt, "status"),
    "Dir::Cache": apt,
    "Dir::Etc::SourceList": path.join(apt, "sources.list"),
    "Dir::Etc::SourceParts": "-",
    "Dir::Etc::Preferences": path.join(apt, "preferences"),
    "Dir::Etc::PreferencesParts": "-",
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "root",
    "Acquire::Languages": "none",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** Paths of the packages that `apt-get download` left in a directory. */
export async function archivesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".deb"));
  return names.map((name) => path.join(directory, name));
}
