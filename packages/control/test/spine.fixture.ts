import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { attachHost, type HostAgent } from "@casemate/agent";
import { localPrincipal, type Principal, principalOf } from "../src/accounts/principal.ts";
import { assemble } from "../src/assemble.ts";
import type { Services } from "../src/services.ts";
import type { Target } from "../src/spine/plan.ts";

/** People as the tests know them; each is a person of their own. */
export const people = {
  olga: somebody("olga", ["operator"]),
  omar: somebody("omar", ["operator"]),
  sofia: somebody("sofia", ["security-officer"]),
  sven: somebody("sven", ["security-officer"]),
  anna: somebody("anna", ["auditor"]),
  owen: somebody("owen", ["owner"]),
} as const;

export const policyDirectory = fileURLToPath(new URL("../../../policy", import.meta.url));

/** A control plane without its API, on libvirt's own test driver, with the shipped policies. */
export interface SpineFixture {
  readonly services: Services;
  readonly host: HostAgent;
  /** The driver's one VM; it runs. */
  readonly vm: Extract<Target, { kind: "vm" }>;
  readonly directory: string;
  readonly failures: unknown[];
  readonly alarms: string[];
  /** Ends it before the test does. */
  close(): Promise<void>;
}

/**
 * @param t what it ends with
 * @param more other rules and policies than the shipped ones
 */
export async function openSpine(
  t: { after(end: () => Promise<void>): void },
  {
    channels = [],
    ...more
  }: {
    readonly ruleDirectory?: string;
    readonly policyDirectory?: string;
    /** The names of channels that findings are told by; nobody hears them. */
    readonly channels?: readonly string[];
  } = {},
): Promise<SpineFixture> {
  const directory = await mkdtemp(join(tmpdir(), "casemate-spine-"));
  const syslog = channels.map((name) => ({ name, address: "udp://127.0.0.1:9" }));
  await writeFile(join(directory, "notify.json"), JSON.stringify({ syslog }));
  const stack = new AsyncDisposableStack();
  t.after(async () => {
    await stack.disposeAsync();
    await rm(directory, { recursive: true, force: true });
  });
  const host = stack.use(await attachHost({ uri: "test:///default" }));
  const failures: unknown[] = [];
  const alarms: string[] = [];
  const services = await assemble(
    {
      ...{ directory, policyDirectory, ...more },
      hosts: new Map([[host.id, host]]),
      onFailure: (thrown) => failures.push(thrown),
      url: () => "https://127.0.0.1",
      onAlarm: (sentence) => alarms.push(sentence),
    },
    stack,
  );
  for (const { account: name, person, roles } of Object.values(people)) {
    await services.people.accounts.create({ name, person, roles }, localPrincipal);
  }
  const [vm] = await host.listVms();
  if (vm === undefined) throw new Error("libvirt's test driver has no VM");
  const { uuid, name } = vm;
  const target = { kind: "vm", uuid, name, hostId: host.id } as const;
  return {
    ...{ services, host, vm: target, directory, failures, alarms },
    close: () => stack.disposeAsync(),
  };
}

function somebody(account: string, roles: Principal["roles"]): Principal {
  return principalOf({
    ...{ account, person: account, roles, mfa: true, method: "session", scopes: "all" },
    credential: `session:${account}`,
  });
}
