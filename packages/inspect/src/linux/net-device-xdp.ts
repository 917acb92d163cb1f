import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** A BPF program that sees a device's packets before the network stack does. */
export interface XdpProgram {
  /** In the network stack, in the driver, or on the card: `enum bpf_xdp_mode`. */
  readonly mode: "generic" | "driver" | "hardware";
  /** As `bpftool prog` has it. */
  readonly programId: number;
  /** HOSTILE: whoever loads a program names it. */
  readonly name: string;
}

const MODES = ["generic", "driver", "hardware"] as const;

/** Reads the XDP programs of a device: `dev_xdp_prog`, by itself or through a link. */
export function netDeviceXdp(kernel: KernelReader): Accessor<readonly XdpProgram[]> {
  const device = kernel.struct("net_device");
  const program = kernel.struct("bpf_prog");
  const id = program.number("aux->id");
  const name = program.string("aux->name");
  const linked = kernel.hasStruct("bpf_xdp_link")
    ? kernel.struct("bpf_xdp_link").pointer("link.prog")
    : () => 0n as Gva; // NULL
  const slots = MODES.map((mode, index) => ({
    mode,
    program: device.pointer(`xdp_state[${index}].prog`),
    link: device.pointer(`xdp_state[${index}].link`),
  }));
  return (at) => {
    const programs: XdpProgram[] = [];
    for (const slot of slots) {
      const link = slot.link(at);
      const found = link === 0n ? slot.program(at) : linked(link);
      if (found !== 0n) programs.push({ mode: slot.mode, programId: id(found), name: name(found) });
    }
    return programs;
  };
}
