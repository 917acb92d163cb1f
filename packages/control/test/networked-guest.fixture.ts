import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { findQemuProcess } from "@casemate/host";
import { type SystemGuest, startSystemGuest } from "@casemate/lab";
import { TestHost } from "./test-host.fixture.ts";

const run = promisify(execFile);

/** Documentation's own addresses (RFC 5737, RFC 3849): they are nobody's. */
export const [router, guest] = ["192.0.2.1", "192.0.2.10"];
export const [router6, guest6] = ["2001:db8::1", "2001:db8::10"];
/** Somebody behind the router. */
export const far = "198.51.100.1";

/** The lab's system as `web01` on the network `lab` of a host of its own. */
export class NetworkedGuest implements AsyncDisposable {
  readonly host: TestHost;
  readonly lab: SystemGuest;
  readonly #stack = new AsyncDisposableStack();

  private constructor(host: TestHost, lab: SystemGuest) {
    this.host = host;
    this.lab = lab;
  }

  static async start(signal: AbortSignal): Promise<NetworkedGuest> {
    await using stack = new AsyncDisposableStack();
    const host = stack.use(await TestHost.start());
    await host.libvirt.networks.create(`
      <network>
        <name>lab</name><forward mode="open"/><bridge name="lab0" stp="off" delay="0"/>
        <ip address="${router}" prefix="24"/><ip family="ipv6" address="${router6}" prefix="64"/>
      </network>`);
    const devices = `<interface type="network"><mac address="52:54:00:00:00:21"/>
      <source network="lab"/><model type="virtio"/></interface>`;
    const lab = await startSystemGuest(host, { devices }, signal);
    await lab.run(`ip link set eth0 up; ip addr add ${guest}/24 dev eth0`, signal);
    await lab.run(`ip addr add ${guest6}/64 dev eth0 nodad`, signal);
    await lab.run(`ip route add default via ${router}`, signal);
    const networked = new NetworkedGuest(host, lab);
    await networked.inNetwork("ip", "addr", "add", `${far}/32`, "dev", "lo");
    stack.move();
    return networked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    await this.host[Symbol.asyncDispose]();
  }

  /** Runs a program of this machine in the network that the guest is in. */
  async inNetwork(...command: readonly string[]): Promise<string> {
    const { stdout } = await run("nsenter", [...this.#enter(), ...command]);
    return stdout;
  }

  /** Starts a program of Node's there, which ends with this; what it prints is its `stdout`. */
  startInNetwork(script: string) {
    const args = [...this.#enter(), process.execPath, "-e", script];
    const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#stack.defer(() => void child.kill("SIGKILL"));
    return child;
  }

  /** Whether a TCP connection to the guest comes about. */
  async reaches(address: string, port: number): Promise<boolean> {
    const script = `
      const socket = require("node:net").connect(${port}, "${address}");
      const say = (words) => { console.log(words); process.exit(); };
      socket.once("connect", () => say("open")).once("error", () => say("closed"));
      setTimeout(() => say("closed"), 3_000);`;
    return (await this.inNetwork(process.execPath, "-e", script)).trim() === "open";
  }

  #enter(): readonly string[] {
    return ["--net", "-t", `${findQemuProcess(this.lab.uuid)}`];
  }
}
