import { type ContainerImage, MAX_LAYERS } from "./container-image.ts";
import { asRecord, asText, asTexts } from "./json-record.ts";

/** What an image's configuration says of it (OCI Image Specification 1.1, "Image Configuration"). */
export function parseImageConfig(
  value: unknown,
): Pick<ContainerImage, "created" | "architecture" | "layers"> {
  const config = asRecord(value);
  const created = parseTime(config["created"]);
  const architecture = asText(config["architecture"]);
  return {
    ...(created === undefined ? {} : { created }),
    ...(architecture === undefined ? {} : { architecture }),
    layers: asTexts(asRecord(config["rootfs"])["diff_ids"], MAX_LAYERS),
  };
}

/** A time in RFC 3339, as ISO 8601. */
export function parseTime(value: unknown): string | undefined {
  const time = new Date(asText(value) ?? "");
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
