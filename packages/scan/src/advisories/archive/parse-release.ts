import { walkDeb822 } from "../../packages/deb822.ts";
import { ecosystemOfDebian } from "../ecosystem.ts";
import { feedError } from "../feed-error.ts";

/** A file of a suite, as its Release file lists it. */
export interface ReleaseFile {
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What a suite's Release file says (Debian wiki, "DebianRepository/Format"). */
export interface Release {
  readonly origin: string;
  readonly label: string;
  readonly suite: string;
  readonly codename: string;
  /** OSV's name of the systems that the suite is for: `Debian:12`. */
  readonly ecosystem: string;
  readonly date: Date;
  /** After this the archive does not vouch for it any more. */
  readonly validUntil?: Date;
  readonly files: readonly ReleaseFile[];
}

/** A Release file. Verify its signature first. Throws `feed/malformed`. */
export function parseRelease(text: string): Release {
  const [stanza] = walkDeb822(text);
  const field = (name: string) => stanza?.get(name) ?? "";
  const date = new Date(field("date"));
  const validUntil =
    stanza?.has("valid-until") === true ? new Date(field("valid-until")) : undefined;
  if (Number.isNaN(date.getTime()) || Number.isNaN(validUntil?.getTime())) {
    throw malformed("its dates are none");
  }
  const [origin, codename] = [field("origin"), field("codename")];
  return {
    origin,
    label: field("label"),
    suite: field("suite"),
    codename,
    ecosystem: ecosystemOf(origin, codename, field("version")),
    date,
    ...(validUntil === undefined ? {} : { validUntil }),
    files: field("sha256")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(parseFile),
  };
}

function ecosystemOf(origin: string, codename: string, version: string): string {
  // `bookworm-security` is for the systems that bookworm is for.
  const [stem = ""] = codename.split(/[-/]/);
  return origin === "Debian" ? ecosystemOfDebian(stem) : `${origin}:${version}`;
}

function parseFile(line: string): ReleaseFile {
  const [sha256 = "", bytes = "", path = "", ...rest] = line.trim().split(/\s+/);
  // No path of a suite leads out of it.
  const isInside = path !== "" && !path.startsWith("/") && !path.split("/").includes("..");
  if (!/^[0-9a-f]{64}$/.test(sha256) || !/^\d{1,15}$/.test(bytes) || !isInside || rest.length > 0) {
    throw malformed(`it lists ${JSON.stringify(line.slice(0, 200))}`);
  }
  return { path, bytes: Number(bytes), sha256 };
}

function malformed(seen: string) {
  return feedError("feed/malformed", "read a Release file", {
    seen,
    needed: "the fields of a Debian archive's suite",
  });
}
