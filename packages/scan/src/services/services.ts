import type { FileNode } from "@casemate/formats/disk";
import { attempt } from "../attempt.ts";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { readUnit, SYSTEM_UNITS, valuesOf } from "./unit-files.ts";

/** A service that the system starts by itself. HOSTILE: the guest says it. */
export interface EnabledService {
  /** `ssh.service`, `cron`. */
  readonly name: string;
  readonly manager: "systemd" | "sysv" | "openrc";
  /** What starts it: `multi-user.target`, a runlevel. */
  readonly wantedBy: readonly string[];
  /** The link, or the first of them, that enables it. */
  readonly path: string;
  /** What it runs. */
  readonly command?: string;
}

const [ADMINISTRATOR] = SYSTEM_UNITS;
const RUNLEVELS = ["S", "2", "3", "4", "5"] as const;
const OPENRC = "/etc/runlevels";

/** Services enabled: systemd's, and those of System V's and OpenRC's that are there. */
export const services: Collector<EnabledService> = {
  id: "services/managers",
  *collect(look) {
    const hasSystemd = hasUnits(look);
    for (const [name, links] of [...collectLinks(look)].sort(([one], [other]) =>
      one < other ? -1 : 1,
    )) {
      const command = valuesOf(readUnit(look, name), "ExecStart").join("; ");
      const wantedBy = [...new Set(links.map(({ target }) => target))];
      const path = links[0]?.path ?? "";
      yield { name, manager: "systemd", wantedBy, path, ...(command === "" ? {} : { command }) };
    }
    for (const service of walkSysv(look)) {
      // systemd makes a unit of those that have none of their own (systemd-sysv-generator(8)).
      const isUnit = hasSystemd && readUnit(look, `${service.name}.service`) !== undefined;
      if (!isUnit) yield service;
    }
    yield* walkOpenrc(look);
  },
};

interface Link {
  readonly target: string;
  readonly path: string;
}

/**
 * The links that enable units, by the unit: those in /etc alone, as `systemctl is-enabled` has it. What
 * packages' own directories pull in is no choice of anybody's.
 */
function collectLinks(look: Look): ReadonlyMap<string, readonly Link[]> {
  const units = new Map<string, Link[]>();
  const masked = new Set<string>();
  for (const { name, open } of look.list(ADMINISTRATOR)) {
    const [, target] = /^(.+)\.(?:wants|requires|upholds)$/.exec(name) ?? [];
    if (target === undefined) {
      if (attempt(look, `${ADMINISTRATOR}/${name}`, () => isMask(open())) ?? false)
        masked.add(name);
      continue;
    }
    for (const { name: unit } of look.list(`${ADMINISTRATOR}/${name}`)) {
      const links = units.get(unit) ?? [];
      links.push({ target, path: `${ADMINISTRATOR}/${name}/${unit}` });
      units.set(unit, links);
    }
  }
  for (const unit of masked) units.delete(unit);
  return units;
}

const isMask = (node: FileNode): boolean =>
  node.stat.type === "symlink" && node.target() === "/dev/null";

const hasUnits = (look: Look): boolean =>
  SYSTEM_UNITS.slice(1).some(
    (directory) => look.list(directory)[Symbol.iterator]().next().done !== true,
  );

function* walkSysv(look: Look): Generator<EnabledService> {
  const found = new Map<string, Link[]>();
  for (const runlevel of RUNLEVELS) {
    // Debian's and Red Hat's places.
    for (const directory of [`/etc/rc${runlevel}.d`, `/etc/rc.d/rc${runlevel}.d`]) {
      for (const { name } of look.list(directory)) {
        const [, service] = /^S\d\d(.+)$/.exec(name) ?? [];
        if (service === undefined) continue;
        const links = found.get(service) ?? [];
        links.push({ target: runlevel, path: `${directory}/${name}` });
        found.set(service, links);
      }
    }
  }
  for (const [name, links] of [...found].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const wantedBy = [...new Set(links.map(({ target }) => target))];
    const command = `/etc/init.d/${name} start`;
    yield { name, manager: "sysv", wantedBy, path: links[0]?.path ?? "", command };
  }
}

function* walkOpenrc(look: Look): Generator<EnabledService> {
  for (const { name: runlevel } of look.list(OPENRC)) {
    for (const { name } of look.list(`${OPENRC}/${runlevel}`)) {
      const path = `${OPENRC}/${runlevel}/${name}`;
      const command = `/etc/init.d/${name} start`;
      yield { name, manager: "openrc", wantedBy: [runlevel], path, command };
    }
  }
}
