import { hostname } from "node:os";
import type { Severity } from "@casemate/inspect";
import type { Message } from "./channel.ts";

/** The facility log audit (RFC 5424, 6.2.1). */
const FACILITY = 13;
/** The name of what Casemate adds (RFC 5424, 6.3.2), below the number that RFC 5612 keeps for examples. */
const STRUCTURE = "casemate@32473";
/** What every receiver takes is 480 octets, what they should take 2048 (RFC 5424, 6.1). */
const LONGEST = 1_400;

/** RFC 5424, 6.2.1: the less, the worse. */
const levels: Readonly<Record<Severity, number>> = { critical: 2, high: 3, medium: 4, low: 5 };

/**
 * A message as a line of syslog (RFC 5424).
 *
 * HOSTILE: the guest has its word in it; none of that ends the line, or a value.
 */
export function formatSyslog({ at, what, finding }: Message): string {
  const { id, severity, detector, vm, title, techniques, state } = finding;
  const priority = FACILITY * 8 + levels[severity];
  const host = plain(hostname()).slice(0, 255) || "-";
  const elements = { finding: id, what, state, severity, detector, vm: vm.name, uuid: vm.uuid };
  const structure = Object.entries({ ...elements, techniques: techniques.join(",") })
    .map(([name, value]) => ` ${name}="${quote(value)}"`)
    .join("");
  const text = plain(`${severity}: ${title} (${vm.name})`).slice(0, LONGEST).toWellFormed();
  return `<${priority}>1 ${at} ${host} casemate ${process.pid} finding [${STRUCTURE}${structure}] ${text}`;
}

/** RFC 5424, 6.3.3. */
function quote(value: string): string {
  return plain(value).replaceAll(/["\\\]]/g, "\\$&");
}

/** Without what is not to be seen: control characters, and what steers a terminal. */
function plain(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
}
