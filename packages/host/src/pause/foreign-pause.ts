import { CasemateError, microseconds, toCasemateError } from "@casemate/core";
import type { Domain } from "../libvirt/domain.ts";
import type { LibvirtConnection } from "../libvirt/libvirt-connection.ts";
import type { Pause, PauseEnd } from "./pause.ts";

/** The pause of a VM that somebody else has paused: it is not ours to end. */
export class ForeignPause implements Pause {
  readonly pausedAt = new Date();
  readonly #connection: LibvirtConnection;
  readonly #domain: Domain;

  constructor(connection: LibvirtConnection, domain: Domain) {
    this.#connection = connection;
    this.#domain = domain;
  }

  async resume(): Promise<PauseEnd> {
    const { uuid, id, name } = this.#domain;
    const now = await this.#connection.findDomain(uuid).catch((thrown: unknown) => {
      if (toCasemateError(thrown).code === "vm/unknown") return undefined;
      throw thrown;
    });
    if (now?.id !== id || now === undefined) {
      throw new CasemateError("vm/gone", `Cannot look at ${name} any more: it has stopped.`);
    }
    const outcome = now.state === "paused" ? "already-paused" : "ended-early";
    return { outcome, microseconds: microseconds(0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
