import { join } from "node:path";
import type { HostAgent, HostEvent } from "@casemate/agent";
import { apiVersion, CasemateError } from "@casemate/core";
import type { FastifyInstance } from "fastify";
import { tokensIn } from "./accounts/tokens.ts";
import type { Event } from "./api/contract/event.ts";
import { createServer } from "./api/server.ts";
import { writeClientFile } from "./client-file.ts";
import type { ListenAddress } from "./listen-address.ts";
import { openLog } from "./log-file.ts";
import { metrics } from "./metrics.ts";
import type { Services } from "./services.ts";
import { openDataDirectory } from "./store/data-directory.ts";
import { openStore } from "./store/store.ts";
import { openCertificate } from "./tls/certificate.ts";
import { eventHub } from "./watch/event-hub.ts";
import { inspectionLogIn } from "./watch/inspection-log.ts";
import { inventoryIn } from "./watch/inventory.ts";
import { keepInventory } from "./watch/keep-inventory.ts";

export interface ControlConfig {
  /** Where everything is kept; made if it is not there. */
  readonly dataDirectory: string;
  readonly listen: ListenAddress;
  /** Whether the log goes to stderr too, not only to `casemate.log` in the data directory. */
  readonly verbose: boolean;
}

/** A control plane that listens. Disposing it answers what is open, lets go of the port and closes the store. */
export interface Control extends AsyncDisposable {
  /** `https://127.0.0.1:7443` */
  readonly url: string;
  /** SHA-256 of the certificate, as `AB:CD:…`. */
  readonly fingerprint: string;
  /** The bootstrap token the first time it is asked for, in the life of this data directory; then `undefined`. */
  takeBootstrapToken(): Promise<string | undefined>;
  /** Serves the host's VMs from now on. The agent stays the caller's to dispose, after this control plane. */
  attach(agent: HostAgent): Promise<void>;
}

/**
 * Takes the data directory, opens the store and listens.
 *
 * Throws `data/*`, `disk/full`, `listen/*`; then nothing is left behind but the data directory.
 */
export async function startControl(config: ControlConfig): Promise<Control> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await openDataDirectory(config.dataDirectory));
  const store = stack.use(await openStore(directory.path));
  const certificate = await openCertificate(directory.path);
  const tokens = tokensIn(store.db);
  const hosts = new Map<string, HostAgent>();
  const services: Services = {
    store,
    tokens,
    hosts,
    events: eventHub(),
    inventory: inventoryIn(store.db),
    inspections: inspectionLogIn(store.db),
    metrics: metrics(),
  };
  const stopping = new AbortController();
  const log = openLog(join(directory.path, "casemate.log"), config.verbose);
  stack.defer(() => void log.end());
  const app = await createServer(services, certificate, log, stopping.signal);
  stack.defer(() => app.close());
  stack.defer(() => stopping.abort());
  const url = await listen(app, config.listen);

  const localToken = await tokens.issue("local client", "admin");
  stack.defer(() => tokens.revoke("local client"));
  stack.use(
    await writeClientFile(directory.path, {
      url,
      token: localToken,
      certificate: certificate.certificate,
    }),
  );

  const attached = stack.use(new AsyncDisposableStack());
  const owned = stack.move();
  return {
    url,
    fingerprint: certificate.fingerprint,
    async takeBootstrapToken() {
      return (await tokens.has("bootstrap")) ? undefined : await tokens.issue("bootstrap", "admin");
    },
    async attach(agent) {
      attached.use(agent.subscribe((event) => publish(services, agent, event)));
      attached.use(
        await keepInventory(agent, services, (thrown) =>
          app.log.error({ err: thrown }, "the inventory could not be noted"),
        ),
      );
      hosts.set(agent.id, agent);
      attached.defer(() => void hosts.delete(agent.id));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function publish(services: Services, agent: HostAgent, event: HostEvent): void {
  const document: Event = {
    apiVersion,
    kind: "Event",
    at: event.at.toISOString(),
    hostId: agent.id,
    type: event.type,
    what: event.what,
    ...(event.vm === undefined ? {} : { vm: event.vm }),
    ...(event.detail === undefined ? {} : { detail: event.detail }),
  };
  services.events.publish(JSON.stringify(document));
}

async function listen(app: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  const shown = host.includes(":") ? `[${host}]` : host;
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
    if (code === "EADDRINUSE") {
      throw new CasemateError(
        "listen/in-use",
        `Cannot listen on ${shown}:${port}: another program does, expected it to be free.`,
        { cause: thrown },
      );
    }
    if (["EACCES", "EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN"].includes(code)) {
      throw new CasemateError(
        "listen/not-allowed",
        `Cannot listen on ${shown}:${port}: the system says ${code}, expected an address of this machine.`,
        { cause: thrown },
      );
    }
    throw thrown;
  }
  const address = app.server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return `https://${shown}:${actual}`;
}
