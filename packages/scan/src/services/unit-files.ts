import { KiB } from "@casemate/core";
import type { Look } from "../look.ts";

/** Where units are, those that go before others first (systemd.unit(5), "System Unit Search Path"). */
export const SYSTEM_UNITS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
] as const;

const MAX_BYTES = 256 * KiB;

/** The settings of a unit, by name; a setting that is there several times has several values. */
export type UnitSettings = ReadonlyMap<string, readonly string[]>;

/** A unit's file with its drop-ins; `undefined` where there is none. */
export function readUnit(look: Look, name: string): UnitSettings | undefined {
  // An instance `getty@tty1.service` is made from `getty@.service`.
  const template = name.replace(/@[^.]+(?=\.)/, "@");
  for (const directory of SYSTEM_UNITS) {
    for (const each of new Set([name, template])) {
      const bytes = look.read(`${directory}/${each}`, MAX_BYTES);
      if (bytes === undefined) continue;
      const settings = parseUnit(bytes.toString("utf8"));
      for (const text of readDropIns(look, each)) {
        for (const [key, values] of parseUnit(text)) {
          settings.set(key, [...(settings.get(key) ?? []), ...values]);
        }
      }
      return settings;
    }
  }
  return undefined;
}

function* readDropIns(look: Look, name: string): Generator<string> {
  const directory = `/etc/systemd/system/${name}.d`;
  for (const { name: file } of look.list(directory)) {
    if (!file.endsWith(".conf")) continue;
    yield look.read(`${directory}/${file}`, MAX_BYTES)?.toString("utf8") ?? "";
  }
}

/** Lines `NAME=VALUE` (systemd.syntax(7)); one that ends in `\` goes on in the next. */
function parseUnit(text: string): Map<string, readonly string[]> {
  const settings = new Map<string, readonly string[]>();
  for (const line of text.replaceAll(/\\\n/g, " ").split("\n")) {
    const [, key = "", value = ""] = /^\s*([A-Za-z]\w*)\s*=(.*)$/.exec(line) ?? [];
    if (key !== "") settings.set(key, [...(settings.get(key) ?? []), value.trim()]);
  }
  return settings;
}

/** What of a setting holds: an empty value takes back those before it. */
export function valuesOf(settings: UnitSettings | undefined, key: string): readonly string[] {
  const values = settings?.get(key) ?? [];
  return values.slice(values.lastIndexOf("") + 1);
}
