import { resolveSources } from "@casemate/core";

resolveSources();
await import("./fault-act.ts");
