import type { HostAgent } from "@casemate/agent";
import { MiB } from "@casemate/core";
import { asNicSource } from "./nic-source.ts";
import { refused } from "./refused.ts";
import { verifyUnused } from "./verify-unused.ts";

/** What an importer said, beside what the files say. */
export interface ImportAsked {
  readonly path: string;
  readonly name?: string;
  readonly memory?: number;
  readonly vcpus?: number;
  readonly firmware?: "bios" | "efi";
  readonly bus?: "virtio" | "sata";
  readonly network?: string;
  readonly bridge?: string;
}

/** A disk and where its bytes come from. */
export type ImportedImage = {
  readonly bus: "virtio" | "sata";
  readonly capacity: number;
  readonly from:
    | { readonly kind: "package"; readonly file: string }
    | { readonly kind: "image"; readonly format: string }
    | { readonly kind: "nothing" };
};

/** What is imported, whatever it came in. */
export interface ImportSource {
  readonly name: string | undefined;
  readonly memory: number | undefined;
  readonly vcpus: number;
  readonly firmware: "bios" | "efi";
  readonly disks: readonly ImportedImage[];
  readonly nics: readonly { readonly network: string | undefined; readonly model: string }[];
  /** What the plan is bound to. */
  readonly identity: string;
  /** Room that its disks take at first. */
  readonly firstBytes: number;
  readonly notes: readonly string[];
}

/** What the package or image at `path` is. Throws `package/*`, `image/*`, `storage/*`, `operation/refused`. */
export async function readImportSource(
  host: HostAgent,
  format: "ovf" | "qcow2" | "raw" | "vmdk",
  asked: ImportAsked,
  signal: AbortSignal,
): Promise<ImportSource> {
  await host.hypervisor.storage.verifyPath(asked.path, signal);
  return format === "ovf"
    ? await readPackage(host, asked, signal)
    : await readImage(host, format, asked, signal);
}

async function readPackage(
  { hypervisor: { packages, storage } }: HostAgent,
  asked: ImportAsked,
  signal: AbortSignal,
): Promise<ImportSource> {
  const { path } = asked;
  const { machine, manifest, sha256 } = await packages.describe(path, undefined, signal);
  const file = await storage.stat(path, signal);
  return {
    // HOSTILE: the package's author chose its name.
    name:
      asked.name ??
      machine.name
        .replace(/[^A-Za-z0-9._+-]/g, "_")
        .replace(/^[^A-Za-z0-9]+/, "")
        .slice(0, 63),
    memory: asked.memory ?? machine.memory,
    vcpus: asked.vcpus ?? machine.vcpus,
    firmware: asked.firmware ?? machine.firmware,
    disks: machine.disks.map(({ file: inside, capacity, bus }) => ({
      // Guests from elsewhere know an AHCI controller; virtio they must have been made for.
      bus: asked.bus ?? (bus === "virtio" ? "virtio" : "sata"),
      capacity,
      from: inside === undefined ? { kind: "nothing" } : { kind: "package", file: inside },
    })),
    nics: machine.nics.map(({ network, model }) => ({ network, model: model ?? "e1000e" })),
    identity: sha256,
    firstBytes: (file?.size ?? 0) * 2 + MiB,
    notes: [
      manifest === "verified"
        ? `The files of ${path} are as its manifest says.`
        : `${path} has no manifest: nothing shows whether its files are as they were made.`,
    ],
  };
}

async function readImage(
  host: HostAgent,
  format: "qcow2" | "raw" | "vmdk",
  asked: ImportAsked,
  signal: AbortSignal,
): Promise<ImportSource> {
  const { images, storage } = host.hypervisor;
  const { path } = asked;
  const doing = `import ${path}`;
  await verifyUnused(doing, host, [path], undefined, signal);
  const image = await images.describe(path, format, signal);
  if (image.encrypted) throw refused(doing, "it is encrypted", "an image that can be read");
  const file = await storage.stat(path, signal);
  const nic = asNicSource(asked);
  return {
    name: asked.name,
    memory: asked.memory,
    vcpus: asked.vcpus ?? 1,
    firmware: asked.firmware ?? "bios",
    disks: [
      { bus: asked.bus ?? "virtio", capacity: image.virtualSize, from: { kind: "image", format } },
    ],
    nics: nic === undefined ? [] : [{ network: undefined, model: "virtio" }],
    identity: `${file?.size ?? 0} bytes of ${file?.modifiedAt.toISOString() ?? "unknown time"}`,
    firstBytes: [image, ...image.backing].reduce((sum, layer) => sum + layer.actualSize, MiB),
    notes: [],
  };
}
