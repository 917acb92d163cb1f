import { CasemateError, milliseconds } from "@casemate/core";
import { type CutControl, type CutPreview, cutEvents } from "../cut-control.ts";
import type { HostEvent } from "../host-agent.ts";
import { type CutProcess, parseCutLabels, type StartedProcess } from "../hypervisor/cut-label.ts";
import type { DomainControl, DomainDescription } from "../hypervisor/domain-control.ts";
import type { NetworkControl, NetworkCut } from "../hypervisor/network-control.ts";
import type { LookRequest } from "../inspectable-view.ts";
import type { ViewTable } from "../view-table.ts";
import { CutFollower, never, type SocketLook } from "./cut-follower.ts";
import { parseProcessSockets } from "./parse-process-sockets.ts";
import { processNotFound } from "./process-not-found.ts";

/** Time of each look at the sockets of a guest, in milliseconds. */
const budget = milliseconds(5_000);

/** What cutting processes off rests on. */
export interface CutsGround {
  readonly domains: Pick<DomainControl, "find" | "list">;
  readonly network: NetworkControl;
  inspect(uuid: string, request: LookRequest, signal?: AbortSignal): Promise<ViewTable>;
  tell(event: HostEvent): void;
}

type Vm = Pick<DomainDescription, "uuid" | "name">;

/** Processes of this machine's VMs that are cut off the network, each VM with its follower. */
export class LocalCuts implements CutControl, AsyncDisposable {
  readonly #ground: CutsGround;
  readonly #followers = new Map<string, CutFollower>();
  /** Whether it was disposed of: what events bring later is nobody's to follow. */
  #isOver = false;

  constructor(ground: CutsGround) {
    this.#ground = ground;
  }

  async preview(
    uuid: string,
    { pid, started }: StartedProcess,
    signal?: AbortSignal,
  ): Promise<CutPreview> {
    const name = `${pid}@${started}`;
    const found = await this.#look(uuid, `${name}/${never}/`, signal);
    const { members = [] } = found.families[0] ?? {};
    if (members.length === 0) throw processNotFound(name);
    const portsOf = (wanted: "tcp" | "udp") =>
      found.endpoints
        .filter(({ protocol, heldBy }) => protocol === wanted && heldBy === "family")
        .filter(({ remote }) => remote === null)
        .map(({ port }) => port)
        .toSorted((a, b) => a - b);
    const { raw, elsewhere } = found;
    const descendants = members.length - 1;
    return { descendants, tcpPorts: portsOf("tcp"), udpPorts: portsOf("udp"), raw, elsewhere };
  }

  read(uuid: string, signal?: AbortSignal): Promise<NetworkCut> {
    return this.#ground.network.cuts(uuid, signal);
  }

  check(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#ground.network.checkCut(uuid, signal);
  }

  async cut(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void> {
    const { domains, network } = this.#ground;
    const vm = await domains.find(uuid, signal);
    // What was cut off before stays so.
    this.#follow(vm);
    await this.#followerOf(vm).add(
      process,
      (followed, traffic) => network.cut(uuid, followed, traffic, signal),
      signal,
    );
  }

  async rejoin(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void> {
    const follower = this.#followers.get(uuid);
    await follower?.remove(process);
    // Without its last process a follower must be at its end before the rules are.
    if (follower?.empty) await this.end(uuid);
    try {
      await this.#ground.network.rejoin(uuid, process, signal);
    } finally {
      // What is labelled still, because that failed, is followed on.
      await this.follow(uuid).catch(() => {});
    }
  }

  /** Follows what the labels of a VM that runs say is cut off. */
  async follow(uuid: string): Promise<void> {
    this.#follow(await this.#ground.domains.find(uuid));
  }

  /** `follow` for all VMs of the host. */
  async followAll(): Promise<void> {
    for (const vm of await this.#ground.domains.list()) this.#follow(vm);
  }

  /** Ends following a VM, which has stopped; its labels stay. */
  async end(uuid: string): Promise<void> {
    const follower = this.#followers.get(uuid);
    this.#followers.delete(uuid);
    await follower?.[Symbol.asyncDispose]();
  }

  /** Tells that whatever was cut off of a VM has ended: it has booted. */
  async tellBooted(uuid: string): Promise<void> {
    const vm = await this.#ground.domains.find(uuid);
    for (const process of parseCutLabels(vm.labels)) this.#tellEnded(vm, process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#followers.keys()].map((uuid) => this.end(uuid)));
  }

  #follow(vm: DomainDescription): void {
    const processes = vm.runId === undefined ? [] : parseCutLabels(vm.labels);
    if (processes.length > 0 && !this.#isOver) this.#followerOf(vm).follow(processes);
  }

  #followerOf(vm: Vm): CutFollower {
    const { uuid } = vm;
    const known = this.#followers.get(uuid);
    if (known !== undefined) return known;
    if (this.#isOver) throw ended(vm);
    const { network } = this.#ground;
    const follower = new CutFollower({
      look: (argument, signal) => this.#look(uuid, argument, signal),
      allow: (traffic, signal) => network.allow(uuid, traffic, signal),
      ended: (process) => this.#tellEnded(vm, process),
      stale: (cause) =>
        cause === undefined
          ? this.#tell(vm, cutEvents.followed)
          : this.#tell(vm, cutEvents.stale, cause.message),
    });
    this.#followers.set(uuid, follower);
    return follower;
  }

  async #look(uuid: string, argument: string, signal?: AbortSignal): Promise<SocketLook> {
    const request = { view: "process-sockets", argument, budget };
    const { items, elapsedMs } = await this.#ground.inspect(uuid, request, signal);
    return { ...parseProcessSockets(items[0]), elapsedMs };
  }

  #tellEnded(vm: Vm, { pid, started }: CutProcess): void {
    this.#tell(vm, cutEvents.ended, `${pid}@${started}`);
  }

  #tell({ uuid, name }: Vm, what: string, detail = ""): void {
    this.#ground.tell({ at: new Date(), type: "vm", what, vm: { uuid, name }, detail });
  }
}

function ended({ name }: Vm): CasemateError {
  return new CasemateError(
    "cancelled",
    `Cannot follow the processes of ${name}: Casemate ends, expected it to run on.`,
  );
}
