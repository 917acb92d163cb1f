import { findTask } from "../linux/find-task.ts";
import { readEnvironment } from "../linux/read-arguments.ts";
import { defineView } from "./define-view.ts";
import { pidArgument } from "./pid-argument.ts";

export interface EnvironRow {
  /** Null of the row that says what is missing. HOSTILE. */
  readonly name: string | null;
  /** Null where the entry has no "=". HOSTILE. */
  readonly value: string | null;
  /** Bytes of the environment that are not in RAM; 0 in all rows but the last. */
  readonly missingBytes: number;
}

/** The environment a process was started with: what /proc/PID/environ shows. It often holds secrets. */
export const environ = defineView({
  id: "environ",
  kind: "EnvironmentList",
  title: "Environment of a process",
  needs: ["kernelMetadata", "userMemory"],
  argument: pidArgument,
  read(access, _budget, pid): readonly EnvironRow[] {
    const { kernel } = access;
    const mm = kernel.struct("task_struct").pointer("mm")(findTask(kernel, pid));
    if (mm === 0n) return []; // a kernel thread, or a process that has ended
    const { strings, missingBytes } = readEnvironment(access)(mm);
    const rows: EnvironRow[] = strings.map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0
        ? { name: entry, value: null, missingBytes: 0 }
        : { name: entry.slice(0, equals), value: entry.slice(equals + 1), missingBytes: 0 };
    });
    if (missingBytes > 0) rows.push({ name: null, value: null, missingBytes });
    return rows;
  },
  columns: [
    { key: "name", title: "NAME" },
    {
      key: "value",
      title: "VALUE",
      text: ({ value, missingBytes }) =>
        missingBytes > 0 ? `(${missingBytes} bytes are not in RAM)` : (value ?? ""),
    },
  ],
});
