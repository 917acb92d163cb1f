import { CasemateError } from "@casemate/core";
import {
  attributeOf,
  childElements,
  elementAt,
  formatXml,
  parseXml,
  textAt,
} from "@casemate/formats";
import type { Element } from "@xmldom/xmldom";
import { digestDomain } from "./domain-digest.ts";
import type { SnapshotDescription, SnapshotDisk, SnapshotMemory } from "./snapshot-description.ts";

/** A snapshot holds two definitions of its VM. */
const maxCharacters = 4 * 1024 * 1024;

/** What a snapshot's XML says. HOSTILE: its author wrote it. Throws `definition/malformed`. */
export function describeSnapshot(xml: string, current: boolean): SnapshotDescription {
  const snapshot = parseSnapshotXml(xml);
  const disks = elementAt(snapshot, "disks");
  const domain = elementAt(snapshot, "domain");
  return {
    name: textAt(snapshot, "name") ?? "",
    parent: textAt(snapshot, "parent", "name"),
    current,
    description: textAt(snapshot, "description"),
    createdAt: new Date(Number(textAt(snapshot, "creationTime") ?? "0") * 1000),
    state: textAt(snapshot, "state") ?? "",
    memory: describeMemory(elementAt(snapshot, "memory")),
    disks: disks === undefined ? [] : childElements(disks, "disk").map(describeSnapshotDisk),
    definitionDigest: domain === undefined ? undefined : digestDomain(domain),
  };
}

/** The definition that a snapshot kept of its VM, as XML; undefined where it kept none. Throws as `describeSnapshot`. */
export function snapshotDefinition(xml: string): string | undefined {
  const domain = elementAt(parseSnapshotXml(xml), "domain");
  return domain === undefined ? undefined : formatXml(domain);
}

function parseSnapshotXml(xml: string): Element {
  const limits = { what: "a snapshot", code: "definition/malformed", maxCharacters } as const;
  const root = parseXml(xml, limits);
  if (root.localName === "domainsnapshot") return root;
  throw new CasemateError(
    "definition/malformed",
    `Cannot read a snapshot: its root is <${root.localName}>, expected <domainsnapshot>.`,
  );
}

function describeMemory(memory: Element | undefined): SnapshotMemory {
  switch (attributeOf(memory, "snapshot")) {
    case "internal":
      return { kind: "internal" };
    case "external":
      return { kind: "external", path: attributeOf(memory, "file") ?? "" };
    default:
      return { kind: "none" };
  }
}

function describeSnapshotDisk(disk: Element): SnapshotDisk {
  const target = attributeOf(disk, "name") ?? "";
  switch (attributeOf(disk, "snapshot")) {
    case "internal":
      return { kind: "internal", target };
    case "external":
      return {
        kind: "external",
        target,
        overlay: attributeOf(elementAt(disk, "source"), "file"),
      };
    default:
      return { kind: "none", target };
  }
}
