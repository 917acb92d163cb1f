import type { Access } from "../../kernel/data-class.ts";
import { fileTopic } from "./file-topic.ts";
import { interfaceTopic } from "./interface-topic.ts";
import { moduleTopic } from "./module-topic.ts";
import { processTopic } from "./process-topic.ts";
import { socketTopic } from "./socket-topic.ts";
import type { AnyTopic, Recollection, Topic } from "./topic.ts";

/** Of the kernel's own books. Those whose answers tell of many things first: what there is no time for is one of many. */
export const bookTopics: readonly Topic[] = [
  moduleTopic,
  socketTopic,
  interfaceTopic,
  processTopic,
];

/** What memory has of each topic at one moment. */
export type Memory = ReadonlyMap<AnyTopic, Recollection>;

/** What memory has of the kernel's own books. Takes part in a look. */
export function recallBooks(access: Access<"kernelMetadata">): Memory {
  return new Map(bookTopics.map((topic) => [topic, topic.recall(access)]));
}

/** What memory has of files. Takes part in a look. */
export function recallFiles(access: Access<"kernelMetadata" | "fileContents">): Memory {
  return new Map([[fileTopic, fileTopic.recall(access)]]);
}
