import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import { walkColonLines } from "../identity/users.ts";
import type { Look } from "../look.ts";
import { type ContainerImage, MAX_LAYERS } from "./container-image.ts";
import { parseImageConfig, parseTime } from "./image-config.ts";
import { asList, asRecord, asText, asTexts, readJson } from "./json-record.ts";

/** containers/storage, as Podman, Buildah and CRI-O keep it: the system's, and of each user. */
const SYSTEM_STORE = "/var/lib/containers/storage";
const USER_STORE = ".local/share/containers/storage";
const DRIVERS = ["overlay", "vfs", "btrfs"] as const;
const MAX_BYTES = 64 * MiB;

/** Images of Podman, Buildah and CRI-O. */
export const podmanImages: Collector<ContainerImage> = {
  id: "containerImages/podman",
  *collect(look) {
    const homes = [...walkColonLines(look, "/etc/passwd")].map(([, , , , , home = ""]) => home);
    const stores = homes
      .filter((home) => home.startsWith("/") && home !== "/")
      .map((home) => `${home}/${USER_STORE}`);
    for (const store of new Set([SYSTEM_STORE, ...stores])) {
      for (const driver of DRIVERS) yield* walkStore(look, store, driver);
    }
  },
};

function* walkStore(look: Look, store: string, driver: string): Generator<ContainerImage> {
  const from = `${store}/${driver}-images/images.json`;
  const images = asList(readJson(look, from, MAX_BYTES));
  if (images.length === 0) return;
  const layers = readLayers(look, `${store}/${driver}-layers/layers.json`);
  for (const image of images.map(asRecord)) {
    const id = asText(image["id"]) ?? "";
    if (!/^[0-9a-f]{64}$/.test(id)) continue;
    const config = parseImageConfig(readConfig(look, `${store}/${driver}-images/${id}`, id));
    const created = config.created ?? parseTime(image["created"]);
    yield {
      store: "podman",
      names: asTexts(image["names"], MAX_LAYERS),
      id: `sha256:${id}`,
      ...config,
      ...(created === undefined ? {} : { created }),
      layers: config.layers.length > 0 ? config.layers : walkDown(layers, asText(image["layer"])),
      from,
    };
  }
}

/** Big data is in files that are named by it, in Base64 where the name has more than letters (`=` before it). */
function readConfig(look: Look, directory: string, id: string): unknown {
  const name = `=${Buffer.from(`sha256:${id}`).toString("base64")}`;
  return readJson(look, `${directory}/${name}`, MAX_BYTES);
}

interface Layer {
  readonly digest: string;
  readonly parent: string | undefined;
}

function readLayers(look: Look, path: string): ReadonlyMap<string, Layer> {
  const layers = new Map<string, Layer>();
  for (const layer of asList(readJson(look, path, MAX_BYTES)).map(asRecord)) {
    const id = asText(layer["id"]) ?? "";
    const digest = asText(layer["diff-digest"]) ?? `layer ${id}`;
    layers.set(id, { digest, parent: asText(layer["parent"]) });
  }
  return layers;
}

/** The digests from the lowest layer up to `top`. HOSTILE: a layer may be below itself. */
function walkDown(layers: ReadonlyMap<string, Layer>, top: string | undefined): readonly string[] {
  const digests: string[] = [];
  let layer = layers.get(top ?? "");
  while (layer !== undefined && digests.length < MAX_LAYERS) {
    digests.unshift(layer.digest);
    layer = layers.get(layer.parent ?? "");
  }
  return digests;
}
