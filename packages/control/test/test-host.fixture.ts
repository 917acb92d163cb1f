import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachHost, type HostAgent } from "@casemate/agent";
import { bytes, type JsonObject, toCasemateError } from "@casemate/core";
import { LibvirtConnection } from "@casemate/host";
import { labCacheDir, PrivateLibvirt } from "@casemate/lab";
import { type Conclusion, conclude } from "../src/spine/conclude.ts";
import type { Operation } from "../src/spine/operation.ts";
import { type Plan, sealPlan, type Target } from "../src/spine/plan.ts";
import { validParameters } from "../src/spine/valid-parameters.ts";

const never = new AbortController().signal;

/** What one call of an operation is about. */
export interface Call {
  /** A VM's name; the host where undefined. */
  readonly vm?: string;
  readonly parameters?: JsonObject;
  readonly requestId?: string;
}

/** A libvirt of its own with a pool, and operations carried out on it step by step as the spine does. */
export class TestHost implements AsyncDisposable {
  readonly agent: HostAgent;
  readonly libvirt: LibvirtConnection;
  readonly daemon: PrivateLibvirt;
  /** The directory of the pool `default`. */
  readonly pool: string;
  /** Where the VMs' serial lines are. */
  readonly #serial: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    agent: HostAgent,
    libvirt: LibvirtConnection,
    daemon: PrivateLibvirt,
    pool: string,
    stack: AsyncDisposableStack,
  ) {
    this.agent = agent;
    this.libvirt = libvirt;
    this.daemon = daemon;
    this.pool = pool;
    this.#serial = join(pool, "../serial");
    this.#stack = stack;
  }

  static async start(): Promise<TestHost> {
    await using stack = new AsyncDisposableStack();
    const scratch = await mkdtemp(join(tmpdir(), "casemate-operations-"));
    stack.defer(() => rm(scratch, { recursive: true, force: true }));
    await chmod(scratch, 0o711);
    const daemon = stack.use(
      await PrivateLibvirt.start({
        accelerator: "tcg",
        cacheDir: labCacheDir,
        givesFiles: true,
      }),
    );
    const libvirt = stack.use(await LibvirtConnection.open(daemon.uri));
    const pool = join(scratch, "pool");
    // QEMU's own user: what is made there is given to the directory's owner.
    const owner = await stat("/var/lib/libvirt/qemu").catch(() => stat("/"));
    for (const directory of [pool, join(scratch, "serial")]) {
      await mkdir(directory);
      await chown(directory, owner.uid, owner.gid);
    }
    await libvirt.storage.definePool(
      `<pool type="dir"><name>default</name><target><path>${pool}</path></target></pool>`,
    );
    const agent = stack.use(await attachHost({ uri: daemon.uri, pauses: join(scratch, "pauses") }));
    return new TestHost(agent, libvirt, daemon, pool, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Names of the pool's files. */
  async files(): Promise<readonly string[]> {
    return (await readdir(this.pool)).toSorted();
  }

  /** Names of the VMs. */
  async names(): Promise<readonly string[]> {
    return (await this.libvirt.listDomains()).map(({ name }) => name).toSorted();
  }

  /** Makes an image in the pool and answers its path. */
  async image(name: string, mebibytes = 1, format: "raw" | "qcow2" = "qcow2"): Promise<string> {
    const path = join(this.pool, name);
    const capacity = bytes(mebibytes * 1024 * 1024);
    await this.agent.hypervisor.images.create({ path, format, capacity });
    return path;
  }

  /** A VM without a system: its firmware finds nothing to boot. */
  async vm(name: string, devices = "", rest = ""): Promise<string> {
    const { uuid } = await this.libvirt.defineDomain(`
      <domain type="qemu">
        <name>${name}</name>
        <memory unit="MiB">32</memory>
        <vcpu current="1">2</vcpu>
        <os><type arch="x86_64" machine="q35">hvm</type></os>
        <features><acpi/></features>
        ${rest}
        <devices>
          <controller type="pci" index="0" model="pcie-root"/>
          <serial type="unix"><source mode="bind" path="${this.#serial}/${name}"/></serial>
          <memballoon model="virtio"/>
          ${devices}
        </devices>
      </domain>`);
    return uuid;
  }

  async target(name: string | undefined): Promise<Target> {
    if (name === undefined) return { kind: "host", hostId: this.agent.id };
    const { uuid } = await this.libvirt.findDomain(name);
    return { kind: "vm", uuid, name, hostId: this.agent.id };
  }

  async plan(operation: Operation, call: Call): Promise<Plan> {
    const { agent: host } = this;
    const target = await this.target(call.vm);
    const parameters = validParameters(operation, call.parameters ?? {});
    const { requestId = "0b0c5d5e-0000-4000-8000-000000000001" } = call;
    const draft = await operation.plan({ host, target, parameters, requestId }, never);
    return sealPlan(operation.id, target, parameters, draft);
  }

  /** The sentence by which `plan` refuses. */
  async refusal(operation: Operation, call: Call): Promise<string> {
    try {
      await this.plan(operation, call);
    } catch (thrown) {
      const { code, message } = toCasemateError(thrown);
      assert.equal(code, "operation/refused", message);
      return message;
    }
    throw new assert.AssertionError({ message: `${operation.id} was not refused` });
  }

  /** Executes the plan and concludes as the spine does; `signal` cancels it. */
  async execute(operation: Operation, plan: Plan, signal = never): Promise<Conclusion> {
    const call = { host: this.agent, plan };
    let failure: ReturnType<typeof toCasemateError> | undefined;
    try {
      await operation.execute({ ...call, actor: "account:test", progress: () => {} }, signal);
    } catch (thrown) {
      failure = toCasemateError(thrown);
    }
    return await conclude(operation, { ...call, executed: failure === undefined }, failure, never);
  }

  /** What the spine would conclude after a crash. */
  async settle(operation: Operation, plan: Plan): Promise<Conclusion> {
    const call = { host: this.agent, plan, executed: false };
    return await conclude(operation, call, undefined, never);
  }

  /**
   * The whole way: the plan is the same twice, the host shows nothing of it before and all of it afterwards.
   */
  async carryOut(operation: Operation, call: Call): Promise<Plan> {
    const fixed = { requestId: randomUUID(), ...call };
    const plan = await this.plan(operation, fixed);
    assert.equal((await this.plan(operation, fixed)).hash, plan.hash, "the plan is stable");
    const before = await operation.look({ host: this.agent, plan, executed: false }, never);
    assert.deepEqual(before, { kind: "undone" });
    const { outcome, message } = await this.execute(operation, plan);
    assert.equal(outcome, "done", message);
    return plan;
  }

  /** Carries it out but cancels it once it has begun, and expects nothing to be left of it. */
  async cancelOnProgress(operation: Operation, call: Call): Promise<Conclusion> {
    const plan = await this.plan(operation, call);
    const [files, names] = [await this.files(), await this.names()];
    const stop = new AbortController();
    const host = this.agent;
    const failure = await operation
      .execute({ host, plan, actor: "account:test", progress: () => stop.abort() }, stop.signal)
      .then(() => undefined, toCasemateError);
    assert.ok(failure, "it was cancelled before it was done");
    const concluded = await conclude(operation, { host, plan, executed: false }, failure, never);
    assert.deepEqual([await this.files(), await this.names()], [files, names]);
    return concluded;
  }
}
