import type { ScannedState, VmScanRows } from "@casemate/agent";
import type { DiskScan } from "@casemate/agent/scan-disks";
import type { SectionName, YaraRuleFile } from "@casemate/scan";
import { openClient } from "../../client/open-client.ts";
import type { Context } from "../../context.ts";

/** Which states of which VM, and for what. */
export interface VmScanOrder {
  /** By name or UUID. */
  readonly vm: string;
  readonly snapshot?: string | undefined;
  /** Whether all of its snapshots are scanned, too. */
  readonly allStates?: boolean | undefined;
  /** Whether the VM's memory is to say what of it runs. */
  readonly running?: boolean | undefined;
  readonly only?: readonly SectionName[] | undefined;
  readonly rules?: readonly YaraRuleFile[] | undefined;
  /** Whether rules are for all files, not for programs and scripts alone. */
  readonly everyFile?: boolean | undefined;
  /** Opens what is encrypted with LUKS. */
  readonly passphrase?: Uint8Array | undefined;
  /** In milliseconds. */
  readonly budget: number;
  readonly data?: string | undefined;
  /** A request for this very scan that has been approved. */
  readonly request?: string | undefined;
}

/** A scan of one state of a VM. */
export interface StateScan extends DiskScan<VmScanRows> {
  readonly state: ScannedState;
}

/**
 * Has the control plane scan states of a VM, one after another: each stands in its ledger by itself.
 *
 * Throws `vm/unknown`, `snapshot/unknown`, `auth/denied`, `request/awaiting-approval`, and what scans throw.
 */
export async function* walkStates(
  order: VmScanOrder,
  { environment }: Context,
): AsyncGenerator<StateScan> {
  const client = await openClient(environment, order);
  const at = `/api/v1/vms/${encodeURIComponent(order.vm)}`;
  const { running, only, rules, everyFile, passphrase, budget, request } = order;
  const states: (string | undefined)[] = [order.snapshot];
  if (order.allStates === true) {
    const { items } = await client.get(`${at}/snapshots`);
    const snapshots = items as readonly { readonly name: string }[]; // our own control plane answered
    states.push(...snapshots.map(({ name }) => name));
  }
  for (const snapshot of states) {
    const body = {
      budget,
      ...(snapshot === undefined ? {} : { snapshot }),
      ...(running === true ? { running } : {}),
      ...(only === undefined ? {} : { only }),
      ...(rules === undefined ? {} : { rules }),
      ...(everyFile === true ? { everyFile } : {}),
      ...(passphrase === undefined
        ? {}
        : { passphrase: Buffer.from(passphrase).toString("base64") }),
      ...(request === undefined ? {} : { request }),
    };
    const document = await client.post(`${at}/scans`, body, undefined, patienceOf(budget));
    const seen = document as unknown as Sent<StateScan>; // our own control plane answered
    const { state, takenAt, ...scan } = seen;
    yield { ...scan, takenAt: new Date(takenAt), state: { ...state, at: new Date(state.at) } };
  }
}

/** The budget is of reading; a view of the disks comes before it, and memory may. */
const patienceOf = (budget: number): number => 2 * budget + 60_000;

/** As JSON carries it. */
type Sent<Scan extends StateScan> = Omit<Scan, "takenAt" | "state"> & {
  readonly takenAt: string;
  readonly state: Omit<ScannedState, "at"> & { readonly at: string };
};
