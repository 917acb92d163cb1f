import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { attachHost } from "@casemate/agent";
import { startControl } from "@casemate/control";
import { LibvirtConnection } from "@casemate/host";
import { controlClient } from "./control-client.ts";
import { readClientFile } from "./read-client-file.ts";

const shipped = resolve(import.meta.dirname, "../../../../policy");
/** libvirt's own test driver, whose VMs are this process's. */
const uri = "test:///default";

interface Labelling {
  readonly id: string;
  readonly state: string;
  readonly message?: string;
  readonly target: { readonly name: string };
  readonly plan: { readonly details: { readonly from: string[]; readonly to: string[] } };
}

test("controlClient: of 100 clients at once none loses what it did, and none does it twice", async (t) => {
  const scratch = await mkdtemp(join(tmpdir(), "casemate-clients-"));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  const policyDirectory = join(scratch, "policy");
  await cp(shipped, policyDirectory, { recursive: true });
  const rule = `@id("test-labels") permit (principal, action == Action::"vm.label", resource);\n`;
  await writeFile(join(policyDirectory, "test.cedar"), rule);
  await using libvirt = await LibvirtConnection.open(uri);
  for (const name of ["one", "two"]) {
    await libvirt.defineDomain(
      `<domain type="test"><name>${name}</name><memory>8192</memory><os><type>hvm</type></os></domain>`,
    );
  }
  const vms = ["test", "one", "two"];
  await using agent = await attachHost({ uri });
  const dataDirectory = join(scratch, "data");
  const listen = { host: "127.0.0.1", port: 0 };
  await using control = await startControl({
    ...{ dataDirectory, policyDirectory, listen, verbose: false },
  });
  await control.attach(agent);
  const file = await readClientFile(dataDirectory);

  /** Each has a connection of its own for every request. */
  const labelAs = async (client: number): Promise<Labelling> => {
    const { post, get } = controlClient(file);
    const body = { requestId: randomUUID(), parameters: { add: [`client:${client}`] } };
    const path = `/api/v1/vms/${vms[client % vms.length]}/operations/vm.label`;
    // Some ask twice, for they did not hear the first answer.
    const taken = client % 10 === 0 ? [post(path, body), post(path, body)] : [post(path, body)];
    const ids = new Set((await Promise.all(taken)).map(({ id }) => String(id)));
    assert.deepEqual([...ids], [body.requestId]);
    const ended = await get(`/api/v1/requests/${body.requestId}?wait=60`);
    return ended as unknown as Labelling; // our own control plane answered
  };
  const done = await Promise.all(Array.from({ length: 100 }, (_, client) => labelAs(client)));

  for (const { state, message } of done) assert.equal(state, "done", message);
  const present = await agent.hypervisor.domains.list();
  for (const vm of vms) {
    const updates = done.filter(({ target }) => target.name === vm).map(({ plan }) => plan.details);
    // Each found what the one before it left: from no label they lead in one line to what is there now.
    let now: readonly string[] = [];
    for (let step = 0; step < updates.length; step += 1) {
      const next = updates.find(({ from }) => from.join() === now.join());
      assert.ok(next, `nobody went on from ${now} at ${vm}`);
      now = next.to;
    }
    assert.equal(now.length, updates.length);
    assert.deepEqual(present.find(({ name }) => name === vm)?.labels.toSorted(), now);
  }
});
