import type { KernelReader } from "../kernel/kernel-reader.ts";
import { findTask } from "../linux/find-task.ts";
import { taskExecutable } from "../linux/task-executable.ts";
import { type InterfaceRow, interfaces } from "../views/interfaces.ts";
import { type SocketRow, sockets } from "../views/sockets.ts";
import { defineDetector } from "./detector.ts";
import type { Suspicion } from "./suspicion.ts";

/** Where a distribution keeps programs that it ships (file-hierarchy(7)); what is put elsewhere only has their names. */
const SYSTEM_PROGRAM = /^\/(?:usr\/)?(?:s?bin|libexec|lib)\/(?:[^/]+\/)*([^/]+)$/;

const CAPTURE =
  "Find out who started it and what for; where the VM is allowed to, name the program in its allowances, otherwise isolate the VM.";

/** Ways to see or to make packets past the network stack: sniffers, covert channels, filters before the firewall. */
export const networkTaps = defineDetector({
  id: "network-taps",
  title: "Taps of the network",
  techniques: ["T1040", "T1095", "T1205"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A sniffer in the kernel that needs no socket: kernel-hooks tells of its hook.",
    "Whether a program that may have raw sockets uses them for something else.",
  ],
  check({ kernel }, inspection) {
    const { budget, allowances } = inspection;
    const executableOf = taskExecutable(kernel);
    for (const socket of sockets.read({ kernel }, budget, undefined)) {
      inspection.looked();
      if (!isTap(socket)) continue;
      const programs = socket.owners.map(({ pid }) => readProgram(kernel, executableOf, pid));
      const isAllowed = (path: string | null) => {
        const name = SYSTEM_PROGRAM.exec(path ?? "")?.[1];
        return name !== undefined && allowances.rawSockets.includes(name);
      };
      if (programs.length > 0 && programs.every(isAllowed)) continue;
      inspection.report(socketSuspicion(socket, programs));
    }
    for (const device of interfaces.read({ kernel }, budget, undefined)) {
      inspection.looked();
      for (const suspicion of checkDevice(device)) inspection.report(suspicion);
    }
  },
});

/** Sockets that carry whole packets. Those of netlink are of type raw, and carry none. */
function isTap({ protocol, family, kernel }: SocketRow): boolean {
  if (kernel) return false;
  const isRaw = protocol === "raw" && (family === "inet" || family === "inet6");
  return isRaw || protocol === "packet" || protocol === "xdp";
}

function readProgram(
  kernel: KernelReader,
  executableOf: ReturnType<typeof taskExecutable>,
  pid: number,
): string | null {
  return kernel.attempt(() => executableOf(findTask(kernel, pid)), `process ${pid}`) ?? null;
}

function socketSuspicion(socket: SocketRow, programs: readonly (string | null)[]): Suspicion {
  const { protocol, family, localPort, device, netNamespace, inode, sock, owners } = socket;
  const [owner] = owners;
  const who =
    owner === undefined ? "Nobody's file" : `Process ${owner.pid} (${owner.name}, ${programs[0]})`;
  const where = device === null ? "every device" : device;
  return {
    key: `socket ${inode} of namespace ${netNamespace}`,
    title: `${who} has a ${protocol} socket at ${where}`,
    severity: owner === undefined ? "high" : "medium",
    because:
      "It sees or makes packets past the network stack, its firewall and its lists of connections.",
    techniques: ["T1040", "T1095", "T1205"],
    evidence: [
      {
        what: `struct sock of a ${family} socket of protocol ${localPort ?? "any"}`,
        address: sock,
        expected: "raw and packet sockets only of programs that may have them",
        seen: owners
          .map(({ pid, fd, name }, i) => `pid ${pid} fd ${fd} ${name} ${programs[i]}`)
          .join("; "),
        path: ["net_namespace_list", `network namespace ${netNamespace}`, `sock ${sock}`],
      },
    ],
    remediation: CAPTURE,
  };
}

function* checkDevice(device: InterfaceRow): Generator<Suspicion> {
  const { name, netNamespace, mac, permanentMac, master, promiscuity, flags, xdp } = device;
  const at = { what: `net_device ${name}`, address: device.device };
  const key = `${name} of namespace ${netNamespace}`;
  // A bridge or a bond asks for every packet of what belongs to it, once.
  if (promiscuity > (master === null ? 0 : 1)) {
    yield {
      key: `promiscuous ${key}`,
      title: `${name} takes in every packet on the wire`,
      severity: "medium",
      because: "A server has no need to see what is sent to others.",
      techniques: ["T1040"],
      evidence: [
        {
          ...at,
          expected: master === null ? "nobody to ask for it" : `only ${master} to ask for it`,
          seen: `${promiscuity} ask for it${flags.includes("PROMISC") ? ", an administrator among them" : ""}`,
        },
      ],
      remediation: CAPTURE,
    };
  }
  for (const { mode, programId, name: program } of xdp) {
    yield {
      key: `xdp ${mode} ${key}`,
      title: `The BPF program ${program} sees every packet of ${name} before the network stack does`,
      severity: "medium",
      because: "It can hide packets, change them and answer them, and no firewall sees it.",
      techniques: ["T1205", "T1040"],
      evidence: [
        { ...at, expected: "no XDP program", seen: `program ${programId} (${program}), ${mode}` },
      ],
      remediation: `Look at it with the view bpf, and find out who loaded it.`,
    };
  }
  if (mac !== null && permanentMac !== null && mac !== permanentMac && master === null) {
    yield {
      key: `mac ${key}`,
      title: `${name} goes by another hardware address than it was made with`,
      severity: "low",
      because: "It may take the place of another machine, or evade rules that go by addresses.",
      techniques: ["T1557"],
      evidence: [{ ...at, expected: permanentMac, seen: mac }],
      remediation:
        "Compare it with the address in the VM's definition, which is what the host lets through.",
    };
  }
}
