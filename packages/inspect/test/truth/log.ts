import assert from "node:assert/strict";
import type { Truth } from "./truth.ts";

const LEVELS = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];
const FACILITIES = ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp"];

/** Everything in the ring as the guest reads it, without waiting for more. */
const READ_KMSG = "dd if=/dev/kmsg bs=8192 iflag=nonblock 2>/dev/null; true";

/** One record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg). */
interface Record {
  readonly sequence: number;
  readonly microseconds: number;
  readonly level: string | undefined;
  readonly facility: string | undefined;
  readonly continuation: boolean;
  readonly subsystem: string | null;
  readonly device: string | null;
  readonly text: string;
}

export const logTruths: readonly Truth[] = [
  {
    view: "log",
    claim: "a ring that was written round and round is read whole",
    prepare: async (run) => {
      // 128 KiB of text and 4096 records are the usual size: more of both.
      await run(
        "echo on >/proc/sys/kernel/printk_devkmsg; i=0; while [ $i -lt 6000 ]; do " +
          'printf "<14>casemate %d %*s" $i $((i % 97)) x; i=$((i + 1)); done >/dev/kmsg',
      );
    },
    compare: async (run, read) => {
      const kmsg = (await run(READ_KMSG)).output;
      const rows = await read("log");
      compareLogs(kmsg, rows);
      assert.notEqual(rows[0]?.["sequence"], 0);
    },
  },
  {
    view: "log",
    claim: "every record is as /dev/kmsg has it: text, level, facility, time, device",
    prepare: async (run) => {
      await run("echo on >/proc/sys/kernel/printk_devkmsg");
      await run(
        String.raw`printf '<30>casemate: first\nsecond\twith \\ and \303\244\n' >/dev/kmsg`,
      );
      await run("printf '<12>' >/dev/kmsg; printf '<0>casemate' >/dev/kmsg");
    },
    compare: async (run, read) => {
      const rows = await read("log");
      compareLogs((await run(READ_KMSG)).output, rows);
      assert.ok(rows.some(({ text }) => String(text).startsWith("casemate: first\nsecond")));
    },
  },
];

function compareLogs(kmsg: string, rows: readonly globalThis.Record<string, unknown>[]): void {
  const records = parseKmsg(kmsg);
  const last = records.at(-1)?.sequence ?? -1;
  const first = Number(rows[0]?.["sequence"]);
  const seen = rows
    .filter(({ sequence }) => Number(sequence) <= last)
    .map(({ sequence, timestampNs, level, facility, continuation, subsystem, device, text }) => ({
      sequence,
      microseconds: Math.floor(Number(timestampNs) / 1000),
      level,
      facility,
      continuation,
      subsystem,
      device,
      text,
    }));
  assert.ok(seen.length > 100);
  // The ring may have lost its oldest records between the two looks.
  assert.deepEqual(
    seen,
    records.filter(({ sequence }) => sequence >= first),
  );
}

function parseKmsg(kmsg: string): Record[] {
  const records = kmsg.split(/\n(?=\d+,\d+,\d+,)/);
  return records.map((record) => {
    const [line = "", ...properties] = record.split("\n");
    const header = /^(\d+),(\d+),(\d+),([^;]*);(.*)$/.exec(line);
    assert.ok(header, line);
    const [, priority = "", sequence = "", microseconds = "", flags = "", text = ""] = header;
    const property = (name: string) => {
      const found = properties.find((each) => each.startsWith(` ${name}=`));
      return found === undefined ? null : fromKmsg(found.slice(name.length + 2));
    };
    return {
      sequence: Number(sequence),
      microseconds: Number(microseconds),
      level: LEVELS[Number(priority) & 7],
      facility: FACILITIES[Number(priority) >> 3],
      continuation: flags.startsWith("c"),
      subsystem: property("SUBSYSTEM"),
      device: property("DEVICE"),
      text: fromKmsg(text),
    };
  });
}

/** `\x0a` is a byte; all else stands for itself. */
function fromKmsg(text: string): string {
  const bytes = text.replace(/\\x([0-9a-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
