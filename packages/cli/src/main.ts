import { resolveSources } from "./resolve-sources.ts";

resolveSources();
await import("./run.ts");
