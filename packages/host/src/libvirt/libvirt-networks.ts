import type { Network } from "./network.ts";
import type { OpenConnection } from "./open-connection.ts";

/** The networks of a host, named by UUID. All throw as LibvirtConnection's methods do. */
export class LibvirtNetworks {
  readonly #open: OpenConnection;

  constructor(open: OpenConnection) {
    this.#open = open;
  }

  list(signal?: AbortSignal): Promise<Network[]> {
    return this.#open.call("listNetworks", [], signal);
  }

  xml(uuid: string, signal?: AbortSignal): Promise<string> {
    return this.#open.call("networkXml", [uuid], signal);
  }

  define(xml: string, signal?: AbortSignal): Promise<Network> {
    return this.#open.call("defineNetwork", [xml], signal);
  }

  /** Starts a network that has no definition beyond its run. */
  create(xml: string, signal?: AbortSignal): Promise<Network> {
    return this.#open.call("createNetwork", [xml], signal);
  }

  start(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("startNetwork", [uuid], signal);
  }

  destroy(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("destroyNetwork", [uuid], signal);
  }

  undefine(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("undefineNetwork", [uuid], signal);
  }
}
