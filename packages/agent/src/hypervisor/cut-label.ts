/** A process by its number and start, as findings name it. */
export interface StartedProcess {
  readonly pid: number;
  /** Seconds between the guest's boot and its start: `1084.55`. */
  readonly started: string;
}

/** A process that is cut off the network. */
export interface CutProcess extends StartedProcess {
  /** When it was cut off, by the same clock as its start. */
  readonly since: string;
}

/** What the labels begin with that say which processes of a VM are cut off. */
export const cutLabelPrefix = "casemate:cut:";

const written = /^casemate:cut:([1-9]\d{0,6}):(\d{1,12}\.\d\d):(\d{1,12}\.\d\d)$/;

/** Whether a label says that a process is cut off, or is written as if. */
export function isCutLabel(label: string): boolean {
  return label.startsWith(cutLabelPrefix);
}

/** The label that a VM has for as long as the process is to be cut off, in later runs too: `casemate:cut:731:1084.55:1100.20`. */
export function formatCutLabel({ pid, started, since }: CutProcess): string {
  return `${cutLabelPrefix}${pid}:${started}:${since}`;
}

/** The processes that labels say are cut off; a label that says none is passed over. */
export function parseCutLabels(labels: readonly string[]): CutProcess[] {
  return labels.flatMap((label) => {
    const [, pid, started = "", since = ""] = written.exec(label) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), started, since }];
  });
}
