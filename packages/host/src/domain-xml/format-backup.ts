import { formatXml, makeElement } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";

/** A push-mode backup, as virDomainBackupBegin takes it: a new qcow2 for each disk named, none of the others. */
export function formatBackup(
  disks: readonly { readonly target: string; readonly file: string | undefined }[],
): string {
  const document = new DOMImplementation().createDocument(null, "domainbackup");
  const make = makeElement.bind(undefined, document);
  const items = disks.map(({ target, file }) =>
    file === undefined
      ? make("disk", { name: target, backup: "no" })
      : make(
          "disk",
          { name: target, backup: "yes", type: "file" },
          make("target", { file }),
          make("driver", { type: "qcow2" }),
        ),
  );
  return formatXml(make("domainbackup", { mode: "push" }, make("disks", {}, ...items)));
}
