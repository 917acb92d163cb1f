import { resolveSources } from "@casemate/core";

resolveSources();
await import("./run.ts");
