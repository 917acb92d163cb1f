import { MiB } from "@casemate/core";
import { attempt } from "../attempt.ts";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { openBoltDatabase } from "./bolt-database.ts";
import type { ContainerImage } from "./container-image.ts";
import { parseImageConfig } from "./image-config.ts";
import { asList, asRecord, asText, readJson } from "./json-record.ts";

/** containerd's own root, and where k3s and MicroK8s have theirs. */
const ROOTS = [
  "/var/lib/containerd",
  "/var/lib/rancher/k3s/agent/containerd",
  "/var/snap/microk8s/common/var/lib/containerd",
] as const;
const METADATA = "io.containerd.metadata.v1.bolt/meta.db";
const BLOBS = "io.containerd.content.v1.content/blobs/sha256";
const MAX_BYTES = 16 * MiB;
/** An index has a manifest for each platform. */
const MAX_MANIFESTS = 100;

/** containerd's images, those of Kubernetes among them (containerd, metadata/buckets.go). */
export const containerdImages: Collector<ContainerImage> = {
  id: "containerImages/containerd",
  *collect(look) {
    for (const root of ROOTS) yield* walkRoot(look, root);
  },
};

function* walkRoot(look: Look, root: string): Generator<ContainerImage> {
  const from = `${root}/${METADATA}`;
  const images = new Map<string, ContainerImage>();
  for (const { name, digest } of walkNames(look, from)) {
    for (const image of walkImages(look, `${root}/${BLOBS}`, digest)) {
      const names = [...(images.get(image.id)?.names ?? []), name];
      images.set(image.id, { ...image, names: [...new Set(names)], from });
    }
  }
  yield* images.values();
}

interface NamedImage {
  readonly name: string;
  readonly digest: string;
}

/** `v1/NAMESPACE/images/NAME/target/digest` of each namespace; Kubernetes' is `k8s.io`. */
function* walkNames(look: Look, path: string): Generator<NamedImage> {
  const reader = attempt(look, path, () => look.files.openFile(path), { mayBeAbsent: true });
  if (reader === undefined) return;
  const namespaces = openBoltDatabase(reader, path).bucket("v1")?.items() ?? [];
  for (const namespace of namespaces) {
    for (const { key: name, bucket } of namespace.bucket?.bucket("images")?.items() ?? []) {
      const digest = bucket?.bucket("target")?.value("digest")?.toString("latin1") ?? "";
      if (/^sha256:[0-9a-f]{64}$/.test(digest)) yield { name, digest };
    }
  }
}

/** The images of a manifest, or of those manifests of an index whose contents are here. */
function* walkImages(
  look: Look,
  blobs: string,
  digest: string,
): Generator<Omit<ContainerImage, "names" | "from">> {
  const manifest = readBlob(look, blobs, digest);
  const parts = asList(manifest["manifests"]).slice(0, MAX_MANIFESTS);
  const digests = parts.map((part) => asText(asRecord(part)["digest"]) ?? "");
  const manifests =
    parts.length === 0 ? [manifest] : digests.map((each) => readBlob(look, blobs, each));
  let found = 0;
  for (const each of manifests) {
    const id = asText(asRecord(each["config"])["digest"]);
    if (id === undefined) continue;
    const config = parseImageConfig(readBlob(look, blobs, id));
    // Of platforms that are not this machine's the manifest may be here and nothing else.
    if (config.layers.length === 0) continue;
    found += 1;
    yield { store: "containerd", id, ...config };
  }
  if (found === 0) yield { store: "containerd", id: digest, layers: [] };
}

function readBlob(look: Look, blobs: string, digest: string) {
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
  return asRecord(hex === undefined ? undefined : readJson(look, `${blobs}/${hex}`, MAX_BYTES));
}
