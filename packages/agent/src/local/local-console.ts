import type { Duplex } from "node:stream";
import { CasemateError } from "@casemate/core";
import { describeDomain, LibvirtConnection } from "@casemate/host";
import type { ConsoleControl } from "../hypervisor/console-control.ts";
import { chosenFlags } from "./chosen-flags.ts";
import { ConsoleSockets } from "./console-sockets.ts";
import type { HostContext } from "./host-context.ts";

interface ConsoleOptions {
  readonly device?: string;
  readonly force?: boolean;
}

/** Consoles of a libvirt that this process is connected to. */
export class LocalConsole implements ConsoleControl {
  readonly #context: HostContext;
  readonly #sockets = new ConsoleSockets();

  constructor(context: HostContext) {
    this.#context = context;
  }

  async open(uuid: string, options: ConsoleOptions, signal?: AbortSignal): Promise<Duplex> {
    const { vm, type, path } = await this.#choose(uuid, options.device, signal);
    const { force = false } = options;
    const doing = `open the console of ${vm}`;
    switch (type) {
      case "pty":
        return await this.#openAtLibvirt(uuid, options, signal);
      case "unix":
        // libvirt opens terminals alone.
        if (this.#context.local && path !== undefined) {
          return await this.#sockets.open(path, { doing, force }, signal);
        }
        throw unknown(doing, "it is a socket of another machine");
      default:
        throw unknown(doing, `it is of type ${type}`);
    }
  }

  async #openAtLibvirt(
    uuid: string,
    { device, force = false }: ConsoleOptions,
    signal?: AbortSignal,
  ): Promise<Duplex> {
    // One of its own: a guest that takes no input holds up libvirt's answers to the whole connection.
    const connection = await LibvirtConnection.open(this.#context.host.uri, {}, signal);
    try {
      const flags = chosenFlags({ safe: true, force });
      const opened = await connection.openConsole(uuid, device, flags, signal);
      // A connection that does not close is lost already, and the console's reader has heard of that.
      opened.once("close", () => void connection.close().catch(() => {}));
      return opened;
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  async #choose(uuid: string, device: string | undefined, signal?: AbortSignal) {
    return await this.#context.with(async (connection) => {
      const { id, name, state } = await connection.findDomain(uuid, signal);
      const doing = `open the console of ${name}`;
      if (id === undefined) {
        throw new CasemateError(
          "vm/not-running",
          `Cannot ${doing}: it is ${state}, expected it to run.`,
        );
      }
      const xml = await connection.domainXml(uuid, { inactive: false, secure: false }, signal);
      const { consoles } = describeDomain(xml);
      const chosen = consoles.find(({ alias }) => device === undefined || alias === device);
      if (chosen === undefined) throw unknown(doing, `it has no ${device ?? "console"}`);
      return { ...chosen, vm: name };
    });
  }
}

function unknown(doing: string, seen: string): CasemateError {
  return new CasemateError(
    "device/unknown",
    `Cannot ${doing}: ${seen}, expected a console that is a terminal or a socket.`,
  );
}
