import { formatAddress, type Gva, gva, toCasemateError } from "@casemate/core";
import {
  parseRelocatable,
  type RelocatableFile,
  toCodeAddress,
} from "@casemate/formats/kernel-code";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { parseBuildId } from "../kernel/parse-build-id.ts";
import { moduleBuildId } from "../linux/module-build-id.ts";
import { moduleSections } from "../linux/module-sections.ts";
import { moduleRegions, walkModules } from "../linux/walk-modules.ts";
import { type ComparedCode, checkAgainstPeers } from "./code/check-against-peers.ts";
import { CodePlaces } from "./code/code-places.ts";
import { describeDeviations } from "./code/describe-deviations.ts";
import { describeStrayCall } from "./code/describe-stray-call.ts";
import { KernelState } from "./code/kernel-state.ts";
import { liveSites, moduleTables } from "./code/live-sites.ts";
import { loadModuleCode } from "./code/load-module-code.ts";
import { WatchedCode } from "./code/watched-code.ts";
import { defineDetector, type Inspection } from "./detector.ts";

/** `MODULE_STATE_LIVE` (include/linux/module.h). */
const LIVE = 0;
/** HOSTILE: no module has more code. */
const MAX_TEXT = 32 * 1024 * 1024;
/** What part of a look's time may be spent on reading files of modules; the others wait for the next one. */
const LOADING_SHARE = 0.5;

/**
 * The code of each loaded module against its file on the guest's own disk, as the guest loads and patches it;
 * where no disk has it, against other guests of the same build.
 */
export const moduleText = defineDetector({
  id: "module-text",
  title: "Code of modules",
  techniques: ["T1014", "T1547.006", "T1601"],
  needs: ["kernelMetadata", "kernelText"],
  cost: "high",
  blindTo: [
    "Modules that are on no list: see hidden-modules.",
    "Code that was changed in the module's file on the disk as well, before it was loaded.",
    "Code that is changed and changed back between two looks.",
    "Where no disk has its file: a change that most guests of the build have, and constants that the start of a kernel chose.",
  ],
  check({ kernel }, inspection) {
    const state = new KernelState(kernel);
    const unknown = state.unknownPatching;
    if (unknown !== undefined) {
      inspection.missed("the code of modules", unknown);
      return;
    }
    const read = moduleReader(kernel);
    const regions = moduleRegions(kernel);
    let known: CodePlaces | undefined;
    const places = () => (known ??= new CodePlaces(kernel));
    const started = performance.now();
    const seen = new Set<string>();
    kernel.each("module", walkModules(kernel), (at) => {
      const module = read(at);
      const { name } = module;
      const what = `the code of module ${name}`;
      if (module.length === 0) return;
      const start = toCodeAddress(module.base);
      if (start === undefined || module.length > MAX_TEXT) {
        inspection.missed(
          what,
          `It says it has ${module.length} bytes at ${formatAddress(module.base)}.`,
        );
        return;
      }
      if (module.state !== LIVE) {
        inspection.missed(what, "It is being loaded or taken out.");
        return;
      }
      const parts = regions(at).map(({ base, size }) => `${base}+${size}`);
      const { buildId, percpu } = module;
      const key = [name, buildId, at, percpu, ...parts, state.features].join(" ");
      seen.add(key);
      const live = kernel.memory.bytes(module.base, module.length);
      let code = inspection.kept.get(key);
      if (!(code instanceof WatchedCode)) {
        const spent = performance.now() - started;
        if (spent > inspection.budget.milliseconds * LOADING_SHARE) {
          inspection.missed(what, "There was no time left to read its file: a later sweep does.");
          return;
        }
        const loaded = loadCode(at, module, live, state, inspection);
        if (typeof loaded === "string") {
          const end = gva(module.base + BigInt(module.length));
          const compared = {
            ...{ what, where: `module ${name}`, count: 1 },
            own: { start, bytes: new Uint8Array(live), state, places: places() },
            sites: liveSites(state, moduleTables(state, at), module.base, end),
            copyOf: copyOf(module),
          };
          checkAgainstPeers(compared, loaded, inspection);
          return;
        }
        code = loaded;
        inspection.kept.set(key, loaded);
      }
      if (!(code instanceof WatchedCode)) return;
      const deviations = code.check(live, state);
      for (const each of describeDeviations(deviations, code, live, `module ${name}`, state)) {
        inspection.report(each);
      }
      for (const each of code.strayCalls(state)) inspection.report(describeStrayCall(each, state));
      inspection.looked();
    });
    for (const key of inspection.kept.keys()) if (!seen.has(key)) inspection.kept.delete(key);
  },
});

interface ModuleText {
  /** HOSTILE: modules name themselves. */
  readonly name: string;
  readonly state: number;
  readonly base: Gva;
  /** In bytes. */
  readonly length: number;
  readonly percpu: bigint;
  /** HOSTILE: what the guest says it is. */
  readonly buildId: string | null;
}

function moduleReader(kernel: KernelReader): (at: Gva) => ModuleText {
  const type = kernel.struct("module");
  const name = type.string("name");
  const state = type.number("state");
  const base = type.pointer("mem[0].base", "core_layout.base");
  const length = type.number("mem[0].size", "core_layout.text_size");
  const buildId = moduleBuildId(kernel);
  const percpu = type.has("percpu") ? type.pointer("percpu") : () => 0n;
  return (at) => ({
    name: name(at),
    state: state(at),
    base: base(at),
    length: length(at),
    percpu: percpu(at),
    buildId: buildId(at),
  });
}

/** Finds the code of the same module in another guest. */
function copyOf({ name, buildId, length }: ModuleText): ComparedCode["copyOf"] {
  return ({ kernel }, state) => {
    if (buildId === null) return "The module does not say of which build it is.";
    const read = moduleReader(kernel);
    for (const at of walkModules(kernel)) {
      const module = read(at);
      if (module.name !== name || module.buildId !== buildId || module.state !== LIVE) continue;
      const start = toCodeAddress(module.base);
      if (start === undefined || module.length !== length) break;
      const bytes = new Uint8Array(kernel.memory.bytes(module.base, length));
      return { start, bytes, state, places: new CodePlaces(kernel) };
    }
    return "It has no such module.";
  };
}

/** What a module's code is compared with, or why it cannot be. */
function loadCode(
  at: Gva,
  module: ModuleText,
  live: Uint8Array,
  state: KernelState,
  { files }: Inspection,
): WatchedCode | string {
  const { kernel } = state;
  const start = toCodeAddress(module.base);
  const { release } = kernel.facts;
  try {
    const file = files?.module(release, module.name);
    if (file === undefined) return `No disk of the guest that can be read has it for ${release}.`;
    const { buildId } = module;
    const object = parseRelocatable(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
    const onDisk = buildIdOf(object);
    if (buildId === null || buildId !== onDisk) {
      return `Its file on the disk is of another build (${onDisk ?? "unknown"}, in memory ${buildId ?? "unknown"}).`;
    }
    const regions = moduleRegions(kernel)(at);
    const loaded = loadModuleCode(
      object,
      {
        start: start ?? 0,
        length: module.length,
        sections: moduleSections(kernel)(at),
        percpu: module.percpu,
        live,
        findSymbol: (name) => state.moduleSymbol(name),
        nameAt: (address) => {
          const symbol = state.symbolize(address);
          return symbol?.offset === 0 ? symbol.name : undefined;
        },
        isOwn: (address) =>
          regions.some(({ base, size }) => address >= base && address <= base + BigInt(size)),
      },
      state,
    );
    return new WatchedCode(loaded, start ?? 0, module.length);
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    if (!code.startsWith("disk/")) throw thrown;
    return message;
  }
}

/** The build-id that an object file carries. */
function buildIdOf({ sections }: RelocatableFile): string | undefined {
  for (const { name, bytes } of sections) {
    const found = name.startsWith(".note") ? parseBuildId(bytes) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
