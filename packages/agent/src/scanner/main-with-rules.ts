/** The scanner, with what puts files to rules: read now, for once it serves it may open no file. */

import { readYaraEngine } from "@casemate/scan/yara-engine";
import { serveScans } from "./serve-scans.ts";

await serveScans(readYaraEngine());
