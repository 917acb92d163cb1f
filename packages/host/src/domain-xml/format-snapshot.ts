import { formatXml, makeElement } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";

/** A snapshot to be taken, as libvirt takes it. */
export interface SnapshotPlan {
  readonly name: string;
  readonly description: string | undefined;
  readonly memory:
    | { readonly kind: "none" | "internal" }
    | { readonly kind: "external"; readonly path: string };
  readonly disks: readonly {
    readonly target: string;
    readonly snapshot: "no" | "internal" | "external";
    /** The overlay of an external one; undefined has libvirt name it. */
    readonly overlay?: string | undefined;
  }[];
}

/** The plan as virDomainSnapshotCreateXML takes it. */
export function formatSnapshot(plan: SnapshotPlan): string {
  const document = new DOMImplementation().createDocument(null, "domainsnapshot");
  const make = makeElement.bind(undefined, document);
  const { memory } = plan;
  const kind = memory.kind === "none" ? "no" : memory.kind;
  const file = memory.kind === "external" ? memory.path : undefined;
  return formatXml(
    make(
      "domainsnapshot",
      {},
      make("name", {}, plan.name),
      plan.description === undefined ? undefined : make("description", {}, plan.description),
      make("memory", { snapshot: kind, file }),
      make(
        "disks",
        {},
        ...plan.disks.map(({ target, snapshot, overlay }) =>
          make(
            "disk",
            { name: target, snapshot },
            snapshot === "external" ? make("driver", { type: "qcow2" }) : undefined,
            overlay === undefined ? undefined : make("source", { file: overlay }),
          ),
        ),
      ),
    ),
  );
}
