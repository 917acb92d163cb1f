import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HostAgent, HostEvent } from "@casemate/agent";
import { apiVersion, CasemateError } from "@casemate/core";
import type { FastifyInstance } from "fastify";
import type { Event } from "./api/contract/event.ts";
import { createServer } from "./api/server.ts";
import { assemble } from "./assemble.ts";
import { writeClientFile } from "./client-file.ts";
import type { ListenAddress } from "./listen-address.ts";
import { openLog } from "./log-file.ts";
import type { Services } from "./services.ts";
import type { AtFaultPoint } from "./spine/fault-points.ts";
import { openDataDirectory } from "./store/data-directory.ts";
import { openCertificate } from "./tls/certificate.ts";
import { keepCuts } from "./watch/keep-cuts.ts";
import { keepInventory } from "./watch/keep-inventory.ts";
import { keepIsolation } from "./watch/keep-isolation.ts";
import { keepWorld } from "./watch/keep-world.ts";
import { keepSweeps } from "./watch/sweeps/keep-sweeps.ts";
import { type SweepSettings, usualSweeps } from "./watch/sweeps/sweep-settings.ts";

export interface ControlConfig {
  /** Where everything is kept; made if it is not there. */
  readonly dataDirectory: string;
  /** Where the policies are; those that come with Casemate where it is left out. */
  readonly policyDirectory?: string | undefined;
  /** Where the rules about findings are; those that come with Casemate where it is left out. */
  readonly ruleDirectory?: string | undefined;
  readonly listen: ListenAddress;
  /** Whether the log goes to stderr too, not only to `casemate.log` in the data directory. */
  readonly verbose: boolean;
  /** How VMs are swept: as usual where it is left out, not at all where it is false. */
  readonly sweeps?: Partial<SweepSettings> | false;
  /** Hears of what somebody must see now. */
  readonly onAlarm?: (sentence: string) => void;
  readonly atFaultPoint?: AtFaultPoint;
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

const shippedPolicies = fileURLToPath(new URL("../../../policy", import.meta.url));

/** Requests that nobody approved for so long expire; in milliseconds. */
const approvalPatience = 24 * 60 * 60_000;

/**
 * Takes the data directory, opens the store and listens.
 *
 * Throws `data/*`, `disk/full`, `ledger/*`, `policy/*`, `rule/*`, `config/invalid`, `listen/*`; then nothing is left behind but the data
 * directory.
 */
export async function startControl(config: ControlConfig): Promise<Control> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await openDataDirectory(config.dataDirectory));
  const certificate = await openCertificate(directory.path);
  const log = openLog(join(directory.path, "casemate.log"), config.verbose);
  stack.defer(() => void log.end());
  const hosts = new Map<string, HostAgent>();
  const failures = { report: (_thrown: unknown) => {} };
  const alarms = { log: (_sentence: string) => {} };
  const services = await assemble(
    {
      directory: directory.path,
      policyDirectory: config.policyDirectory ?? shippedPolicies,
      ruleDirectory: config.ruleDirectory,
      hosts,
      url: () => url,
      onFailure: (thrown) => failures.report(thrown),
      onAlarm(sentence) {
        alarms.log(sentence);
        config.onAlarm?.(sentence);
      },
      atFaultPoint: config.atFaultPoint,
    },
    stack,
  );
  const stopping = new AbortController();
  const app = await createServer(services, certificate, log, stopping.signal);
  failures.report = (thrown) => app.log.error({ err: thrown }, "something went wrong on its own");
  alarms.log = (sentence) => app.log.warn({ alarm: true }, sentence);
  stack.defer(() => app.close());
  stack.defer(() => stopping.abort());
  const url = await listen(app, config.listen);

  const { people, tokens, spine } = services;
  const expiring = setInterval(() => {
    spine.expire(new Date(Date.now() - approvalPatience)).catch(failures.report);
    people.retire().catch(failures.report);
  }, 60_000);
  stack.defer(() => clearInterval(expiring));

  // What was left open about Casemate itself; each host's own is closed when it is attached.
  await spine.runner.settle(undefined);

  const localToken = await tokens.issueLocal();
  // Where they cannot be taken back now, the next start replaces them.
  stack.defer(() => tokens.revokeLocal().catch(failures.report));
  const clientFile = await writeClientFile(directory.path, {
    url,
    token: localToken,
    certificate: certificate.certificate,
  });
  stack.defer(() => Promise.resolve(clientFile[Symbol.asyncDispose]()).catch(failures.report));
  const attached = stack.use(new AsyncDisposableStack());

  const owned = stack.move();
  return {
    url,
    fingerprint: certificate.fingerprint,
    takeBootstrapToken: () => tokens.takeBootstrap(),
    async attach(agent) {
      attached.use(agent.subscribe((event) => publish(services, agent, event)));
      attached.use(await keepInventory(agent, services, failures.report));
      // First in line on its VMs: what an earlier process left open is closed before anything else begins.
      await spine.runner.settle(agent);
      hosts.set(agent.id, agent);
      attached.defer(() => void hosts.delete(agent.id));
      attached.use(keepWorld(agent, { ...services, runner: spine.runner }, failures.report));
      attached.use(keepIsolation(agent, services, failures.report));
      attached.use(keepCuts(agent, { ...services, runner: spine.runner }, failures.report));
      // What was found and not answered yet when an earlier process ended.
      for (const finding of await services.findings.list({ states: ["open"] })) {
        if (finding.vm.host === agent.id) services.responder.answer(finding);
      }
      if (config.sweeps === false) return;
      const settings = { ...usualSweeps, ...config.sweeps };
      const parts = { ...services, allowancesOf: services.rules.allowancesOf };
      const sweeps = attached.use(keepSweeps(agent, parts, settings, failures.report));
      services.sweeps.set(agent.id, sweeps);
      attached.defer(() => void services.sweeps.delete(agent.id));
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
