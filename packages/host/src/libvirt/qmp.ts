import { CasemateError } from "@casemate/core";

/** A command of the QEMU Machine Protocol. */
export interface QmpCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** QMP carries unsigned 64-bit numbers (addresses, sizes); those that a double cannot hold become bigint. */
function keepWide(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  const { source } = context;
  const wide = typeof value === "number" && !Number.isSafeInteger(value);
  return wide && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

// JSON.parse hands its reviver the source text (ECMA-262 2026); TypeScript's library does not say so yet.
const parseJson = JSON.parse as (text: string, reviver: typeof keepWide) => unknown;

const words = (value: unknown): string => (typeof value === "string" ? value : "nothing");

/** What QEMU returned; throws `libvirt/failed` with QEMU's own words where it refused or made no sense. */
export function parseQmpReply(command: QmpCommand, text: string): unknown {
  const doing = `Cannot have QEMU execute ${command.execute}`;
  let reply: unknown;
  try {
    reply = parseJson(text, keepWide);
  } catch (cause) {
    throw new CasemateError("libvirt/failed", `${doing}: its answer is not JSON, expected QMP.`, {
      cause,
    });
  }
  if (typeof reply === "object" && reply !== null) {
    if ("return" in reply) return reply.return;
    if ("error" in reply && typeof reply.error === "object" && reply.error !== null) {
      const { class: kind, desc } = { class: undefined, desc: undefined, ...reply.error };
      throw new CasemateError(
        "libvirt/failed",
        `${doing}: QEMU said ${words(kind)} "${words(desc)}".`,
      );
    }
  }
  throw new CasemateError(
    "libvirt/failed",
    `${doing}: its answer has neither return nor error, expected QMP.`,
  );
}
