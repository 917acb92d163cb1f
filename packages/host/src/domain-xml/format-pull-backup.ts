import { formatXml, makeElement } from "@casemate/formats";
import { DOMImplementation } from "@xmldom/xmldom";

/**
 * A pull-mode backup, as virDomainBackupBegin takes it: the disks as they are at that moment, exported by NBD
 * at `socket` under their targets' names; what the guest overwrites meanwhile is kept in `scratch`, a qcow2.
 */
export function formatPullBackup(
  socket: string,
  disks: readonly { readonly target: string; readonly scratch: string | undefined }[],
): string {
  const document = new DOMImplementation().createDocument(null, "domainbackup");
  const make = makeElement.bind(undefined, document);
  const items = disks.map(({ target, scratch }) =>
    scratch === undefined
      ? make("disk", { name: target, backup: "no" })
      : make(
          "disk",
          { name: target, backup: "yes", type: "file", exportname: target },
          make("driver", { type: "qcow2" }),
          make("scratch", { file: scratch }),
        ),
  );
  return formatXml(
    make(
      "domainbackup",
      { mode: "pull" },
      make("server", { transport: "unix", socket }),
      make("disks", {}, ...items),
    ),
  );
}
