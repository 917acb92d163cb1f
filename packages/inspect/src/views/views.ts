import type { DataClass } from "../kernel/data-class.ts";
import { bpf } from "./bpf.ts";
import { cmdline } from "./cmdline.ts";
import type { View } from "./define-view.ts";
import { environ } from "./environ.ts";
import { files } from "./files.ts";
import { hooks } from "./hooks.ts";
import { interfaces } from "./interfaces.ts";
import { kernel } from "./kernel.ts";
import { log } from "./log.ts";
import { maps } from "./maps.ts";
import { modules } from "./modules.ts";
import { mounts } from "./mounts.ts";
import { processes } from "./processes.ts";
import { readFile } from "./read-file.ts";
import { sockets } from "./sockets.ts";
import { strings } from "./strings.ts";
import { threads } from "./threads.ts";

/** A view of which only itself knows what its rows are. */
// biome-ignore lint/suspicious/noExplicitAny: a column takes its own view's rows; `unknown` would take none
export type AnyView = View<DataClass, any, any>;

/** Every view, in the order people meet them. */
export const views: readonly AnyView[] = [
  kernel,
  processes,
  threads,
  cmdline,
  maps,
  files,
  mounts,
  modules,
  sockets,
  interfaces,
  log,
  bpf,
  hooks,
  environ,
  strings,
  readFile,
];
