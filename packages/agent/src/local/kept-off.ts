import { type ErrorCode, toCasemateError } from "@casemate/core";
import type { LibvirtHostEvent } from "@casemate/host";
import type { HostEvent } from "../host-agent.ts";
import { isolationFailed, type NetworkControl } from "../hypervisor/network-control.ts";
import type { LocalCuts } from "./local-cuts.ts";

/** What an isolation comes too late for. */
const overtaken: readonly ErrorCode[] = [
  "vm/unknown",
  "vm/not-running",
  "libvirt/unreachable",
  "cancelled",
];

/** What keeps VMs and their processes off the network, and who hears of what fails. */
export interface KeptOffGround {
  readonly network: NetworkControl;
  readonly cuts: LocalCuts;
  tell(event: HostEvent): void;
}

/**
 * Keeps off the network what is labelled so, whenever libvirt is connected to and whenever a VM starts. Nothing
 * is awaited, as all that events bring: with many VMs it takes seconds. What fails is told.
 */
export class KeptOff {
  readonly #ground: KeptOffGround;

  constructor(ground: KeptOffGround) {
    this.#ground = ground;
  }

  hear(event: LibvirtHostEvent): void {
    if (event.kind === "connected") this.renewAll();
    if (event.kind !== "lifecycle") return;
    if (event.event === "started") {
      this.#renew(event);
      this.#follow(event.uuid, event.detail === "booted");
    } else if (event.event === "stopped") this.#ground.cuts.end(event.uuid).catch(() => {});
  }

  renewAll(): void {
    const { network, cuts } = this.#ground;
    // What cannot be asked now is asked when libvirt is connected to anew.
    cuts.followAll().catch(() => {});
    network.renewAll().then(
      (failed) => {
        for (const { cause, ...vm } of failed) this.#tellFailure(cause, vm);
      },
      (thrown) => this.#tellFailure(thrown),
    );
  }

  #renew({ uuid, name }: { readonly uuid: string; readonly name: string }): void {
    this.#ground.network.renew(uuid).catch((thrown) => this.#tellFailure(thrown, { uuid, name }));
  }

  /** A process is in a later run only where memory came back with it. */
  #follow(uuid: string, booted: boolean): void {
    const { cuts } = this.#ground;
    const done = booted ? cuts.tellBooted(uuid) : Promise.resolve();
    // What stops or loses libvirt meanwhile is followed when it is back.
    done.then(() => cuts.follow(uuid)).catch(() => {});
  }

  #tellFailure(thrown: unknown, vm?: HostEvent["vm"]): void {
    const { code, message: detail } = toCasemateError(thrown);
    // It does not run any more, or libvirt has gone: when that is back, all are isolated anew.
    if (overtaken.includes(code)) return;
    const told = { at: new Date(), what: isolationFailed, detail };
    this.#ground.tell(
      vm === undefined ? { ...told, type: "connection" } : { ...told, type: "vm", vm },
    );
  }
}
