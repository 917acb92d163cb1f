export { type CommandEntry, commands } from "./commands.ts";
