import { type Static, Type } from "typebox";
import { documentOf } from "./document.ts";

/** How long a VM's files are followed at most, in milliseconds: as long as an approval holds. */
export const mostFollowMs = 8 * 3_600_000;

/** What following a VM's files may be told. */
export const FollowOrder = {
  duration: Type.Optional(
    Type.Integer({
      minimum: 1_000,
      maximum: mostFollowMs,
      description: `How long it may take, in milliseconds (default ${mostFollowMs}).`,
    }),
  ),
};

/**
 * What happened to a file of a VM, seen on its disks from outside; one server-sent event each.
 *
 * HOSTILE: the guest chose every name and number.
 */
export const FileEvent = documentOf("FileEvent", {
  at: Type.String({ format: "date-time", description: "When the disks were so." }),
  what: Type.Enum(["read", "created", "deleted", "moved", "contents", "metadata", "missed"], {
    description:
      "read: all files were read, at the start and where nobody knows what was written; missed: what could not be looked at.",
  }),
  path: Type.Optional(Type.String()),
  inode: Type.Optional(Type.Number()),
  from: Type.Optional(Type.String({ description: "Of what was moved: where it was." })),
  stat: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: "Of what is new or gone: its inode's fields.",
    }),
  ),
  ranges: Type.Optional(
    Type.Array(
      Type.Object({ start: Type.Number(), end: Type.Number() }, { additionalProperties: false }),
      { description: "Which bytes of the file were written." },
    ),
  ),
  changes: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: "Fields of the inode: what each was and is.",
    }),
  ),
  files: Type.Optional(Type.Number({ description: "How many were read." })),
  code: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String({ description: "Why it could not be looked at." })),
});
export type FileEvent = Static<typeof FileEvent>;
