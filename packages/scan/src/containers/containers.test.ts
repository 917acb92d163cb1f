import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { scanFiles } from "../system.fixture.ts";
import { type BoltTree, makeBoltDatabase } from "./bolt.fixture.ts";
import { containerdImages } from "./containerd-images.ts";
import { dockerImages } from "./docker-images.ts";
import { podmanImages } from "./podman-images.ts";

const hex = (text: string) => createHash("sha256").update(text).digest("hex");
const LAYERS = [`sha256:${hex("one")}`, `sha256:${hex("two")}`];
const CONFIG = JSON.stringify({
  created: "2026-01-02T03:04:05.678901234Z",
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: LAYERS },
});
const ID = hex(CONFIG);
const IMAGE = {
  id: `sha256:${ID}`,
  created: "2026-01-02T03:04:05.678Z",
  architecture: "amd64",
  layers: LAYERS,
} as const;

test("dockerImages: names, configuration and layers of the image store", () => {
  const store = "/var/lib/docker/image/overlay2";
  const repositories = {
    made: { "made:1.0": IMAGE.id, "made:latest": IMAGE.id, [`made@sha256:${hex("x")}`]: IMAGE.id },
  };
  const { rows, missed } = scanFiles(
    { collector: dockerImages },
    {
      [`${store}/repositories.json`]: JSON.stringify({ Repositories: repositories }),
      [`${store}/imagedb/content/sha256/${ID}`]: CONFIG,
      [`${store}/imagedb/content/sha256/${hex("broken")}`]: "{",
    },
  );
  const from = `${store}/imagedb/content/sha256/${ID}`;
  assert.deepEqual(rows, [{ store: "docker", names: ["made:1.0", "made:latest"], ...IMAGE, from }]);
  assert.deepEqual(
    missed.map(({ code }) => code),
    ["scan/damaged"],
  );
});

test("podmanImages: those of the system and of users", () => {
  const images = (store: string, names: readonly string[]) => ({
    [`${store}/overlay-images/images.json`]: JSON.stringify([
      { id: ID, names, layer: "top", created: "2026-01-01T00:00:00Z" },
    ]),
    [`${store}/overlay-layers/layers.json`]: JSON.stringify([
      { id: "base", "diff-digest": LAYERS[0] },
      { id: "top", parent: "base", "diff-digest": LAYERS[1] },
    ]),
  });
  const system = "/var/lib/containers/storage";
  const user = "/home/alice/.local/share/containers/storage";
  const name = Buffer.from(IMAGE.id).toString("base64");
  const { rows, missed } = scanFiles(
    { collector: podmanImages },
    {
      "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
      ...images(system, ["docker.io/library/made:1.0"]),
      [`${system}/overlay-images/${ID}/=${name}`]: CONFIG,
      ...images(user, []),
    },
  );
  assert.deepEqual(missed, []);
  assert.deepEqual(rows, [
    {
      ...{ store: "podman", names: ["docker.io/library/made:1.0"], ...IMAGE },
      from: `${system}/overlay-images/images.json`,
    },
    {
      ...{ store: "podman", names: [], id: IMAGE.id, created: "2026-01-01T00:00:00.000Z" },
      ...{ layers: LAYERS, from: `${user}/overlay-images/images.json` },
    },
  ]);
});

test("containerdImages: images of every namespace, through indexes, by pages and inline buckets", () => {
  const root = "/var/lib/containerd";
  const blobs = `${root}/io.containerd.content.v1.content/blobs/sha256`;
  const manifest = JSON.stringify({ config: { digest: IMAGE.id }, layers: [] });
  const elsewhere = { digest: `sha256:${hex("arm64")}`, platform: { architecture: "arm64" } };
  const index = JSON.stringify({ manifests: [elsewhere, { digest: `sha256:${hex(manifest)}` }] });
  const image = (text: string): BoltTree => ({
    createdat: Buffer.alloc(15),
    target: {
      digest: Buffer.from(`sha256:${hex(text)}`),
      mediatype: Buffer.from("application/vnd.oci.image.index.v1+json"),
    },
  });
  const many = Array.from({ length: 30 }, (_, i) => [`example/many:${i}`, image(index)] as const);
  const database = makeBoltDatabase({
    v1: {
      version: Buffer.from([3]),
      "k8s.io": { images: Object.fromEntries(many), labels: {} },
      default: { images: { "example/one:1": image(manifest), "example/gone:1": image("gone") } },
    },
  });
  const from = `${root}/io.containerd.metadata.v1.bolt/meta.db`;
  const { rows, missed } = scanFiles(
    { collector: containerdImages },
    {
      [from]: database,
      [`${blobs}/${hex(index)}`]: index,
      [`${blobs}/${hex(manifest)}`]: manifest,
      [`${blobs}/${ID}`]: CONFIG,
    },
  );
  assert.deepEqual(missed, []);
  const names = ["example/one:1", ...many.map(([name]) => name).sort()];
  assert.deepEqual(
    rows.find(({ id }) => id === IMAGE.id),
    { store: "containerd", ...IMAGE, names, from },
  );
  assert.deepEqual(
    rows
      .filter(({ id }) => id !== IMAGE.id)
      .map(({ id, names: found, layers }) => [id, found, layers]),
    [[`sha256:${hex("gone")}`, ["example/gone:1"], []]],
  );
});
