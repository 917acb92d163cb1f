/** The inspector, with what puts memory to rules: read now, for once it serves it may open no file. */

import { readYaraEngine } from "@casemate/scan/yara-engine";
import { serveInspector } from "./serve-inspector.ts";

await serveInspector(readYaraEngine());
