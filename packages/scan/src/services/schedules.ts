import { MiB } from "@casemate/core";
import { attempt } from "../attempt.ts";
import type { Collector } from "../collector.ts";
import type { Look } from "../look.ts";
import { readUnit, SYSTEM_UNITS, valuesOf } from "./unit-files.ts";

/** Something that the system does at its time. HOSTILE: the guest says it. */
export interface Schedule {
  readonly kind: "cron" | "anacron" | "timer";
  /** `17 * * * *`, `@daily`, `OnCalendar=daily`, `hourly`. */
  readonly when: string;
  /** Whose rights it has; absent where the unit decides. */
  readonly user?: string;
  readonly command: string;
  readonly path: string;
  /** From 1 on. */
  readonly line?: number;
}

const MAX_BYTES = MiB;
/** Crontabs of the system, with a column for the user (crontab(5), "EXAMPLE SYSTEM CRON FILE"). */
const SYSTEM_TABLE = "/etc/crontab";
const SYSTEM_TABLES = "/etc/cron.d";
/** Debian's, Red Hat's and Alpine's places for those of users, named by them. */
const USER_TABLES = ["/var/spool/cron/crontabs", "/var/spool/cron", "/etc/crontabs"] as const;
/** Programs in /etc/cron.*, and Alpine's /etc/periodic/*. */
const PERIODS = ["hourly", "daily", "weekly", "monthly", "yearly"] as const;

const TIMER_SETTINGS = [
  "OnCalendar",
  "OnBootSec",
  "OnStartupSec",
  "OnActiveSec",
  "OnUnitActiveSec",
  "OnUnitInactiveSec",
] as const;

/** Cron's tables and programs, anacron's, and systemd's timers that are enabled. */
export const schedules: Collector<Schedule> = {
  id: "schedules/cron",
  *collect(look) {
    yield* readTable(look, SYSTEM_TABLE, undefined);
    for (const { name } of look.list(SYSTEM_TABLES)) {
      // What run-parts and cron pass over: names with a dot, as editors leave them (cron(8)).
      if (/^[A-Za-z0-9_-]+$/.test(name))
        yield* readTable(look, `${SYSTEM_TABLES}/${name}`, undefined);
    }
    for (const directory of USER_TABLES) {
      for (const { name, open } of look.list(directory)) {
        const path = `${directory}/${name}`;
        const isTable = attempt(look, path, () => open().stat.type === "file") ?? false;
        if (isTable) yield* readTable(look, path, name);
      }
    }
    yield* walkPeriodic(look);
    yield* readAnacron(look);
    yield* walkTimers(look);
  },
};

/** A crontab; without an `owner` each line says whose rights it has. */
function* readTable(look: Look, path: string, owner: string | undefined): Generator<Schedule> {
  const text = look.read(path, MAX_BYTES)?.toString("utf8") ?? "";
  for (const [i, line] of text.split("\n").entries()) {
    const words = line.trim();
    if (words === "" || words.startsWith("#") || /^[A-Za-z_]\w*\s*=/.test(words)) continue;
    const [, when, rest = ""] =
      /^(@\w+|(?:[-\d*/,~A-Za-z]+\s+){4}[-\d*/,~A-Za-z]+)\s+(.+)$/.exec(words) ?? [];
    const [, user = "", command = ""] =
      owner === undefined ? (/^(\S+)\s+(.+)$/.exec(rest) ?? []) : ["", owner, rest];
    if (when === undefined || command === "") continue;
    yield { kind: "cron", when: when.replaceAll(/\s+/g, " "), user, command, path, line: i + 1 };
  }
}

function* walkPeriodic(look: Look): Generator<Schedule> {
  for (const when of PERIODS) {
    for (const directory of [`/etc/cron.${when}`, `/etc/periodic/${when}`]) {
      for (const { name } of look.list(directory)) {
        const path = `${directory}/${name}`;
        if (name !== ".placeholder")
          yield { kind: "cron", when, user: "root", command: path, path };
      }
    }
  }
}

/** `PERIOD DELAY NAME COMMAND` (anacrontab(5)). */
function* readAnacron(look: Look): Generator<Schedule> {
  const path = "/etc/anacrontab";
  const text = look.read(path, MAX_BYTES)?.toString("utf8") ?? "";
  for (const [i, line] of text.split("\n").entries()) {
    const [, days, command] = /^\s*(\d+|@\w+)\s+\d+\s+\S+\s+(.+)$/.exec(line) ?? [];
    if (days === undefined || command === undefined) continue;
    const when = days.startsWith("@") ? days : `every ${days} days`;
    yield { kind: "anacron", when, user: "root", command: command.trim(), path, line: i + 1 };
  }
}

function* walkTimers(look: Look): Generator<Schedule> {
  const names = new Map<string, string>();
  for (const directory of SYSTEM_UNITS) {
    const wants = `${directory}/timers.target.wants`;
    for (const { name } of look.list(wants)) {
      if (name.endsWith(".timer") && !names.has(name)) names.set(name, `${wants}/${name}`);
    }
  }
  for (const [name, path] of [...names].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const timer = readUnit(look, name);
    const when = TIMER_SETTINGS.flatMap((key) =>
      valuesOf(timer, key).map((value) => `${key}=${value}`),
    ).join(", ");
    const unit = valuesOf(timer, "Unit")[0] ?? name.replace(/\.timer$/, ".service");
    const service = readUnit(look, unit);
    const command = valuesOf(service, "ExecStart").join("; ");
    const user = valuesOf(service, "User")[0];
    yield {
      ...{ kind: "timer", when, ...(user === undefined ? {} : { user }) },
      ...{ command: command === "" ? unit : command, path },
    };
  }
}
