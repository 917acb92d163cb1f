import { MiB } from "@casemate/core";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import type { ContainerImage } from "./container-image.ts";
import { parseImageConfig } from "./image-config.ts";
import { asRecord, asText, readJson } from "./json-record.ts";

/** moby, image/store.go and reference/store.go: a directory for each storage driver. */
const STORES = ["/var/lib/docker/image", "/var/snap/docker/common/var-lib-docker/image"] as const;
const MAX_BYTES = 16 * MiB;

/** Docker's images. */
export const dockerImages: Collector<ContainerImage> = {
  id: "containerImages/docker",
  *collect(look) {
    for (const store of STORES) {
      for (const { name: driver } of look.list(store)) {
        yield* walkStore(look, `${store}/${driver}`);
      }
    }
  },
};

function* walkStore(look: Look, store: string): Generator<ContainerImage> {
  const names = readNames(look, `${store}/repositories.json`);
  const directory = `${store}/imagedb/content/sha256`;
  for (const { name: digest } of look.list(directory)) {
    const from = `${directory}/${digest}`;
    const config = readJson(look, from, MAX_BYTES);
    if (config === undefined) continue;
    const id = `sha256:${digest}`;
    yield { store: "docker", names: names.get(id) ?? [], id, ...parseImageConfig(config), from };
  }
}

/** `{ "Repositories": { "nginx": { "nginx:latest": "sha256:…" } } }`, the other way round. */
function readNames(look: Look, path: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  const repositories = asRecord(asRecord(readJson(look, path, MAX_BYTES))["Repositories"]);
  for (const references of Object.values(repositories)) {
    for (const [name, value] of Object.entries(asRecord(references))) {
      const id = asText(value) ?? "";
      // By digest it is the same image again.
      if (!name.includes("@")) names.set(id, [...(names.get(id) ?? []), name]);
    }
  }
  return names;
}
