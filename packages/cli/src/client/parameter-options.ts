import { readFileSync } from "node:fs";
import { parseBytes } from "@casemate/core";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";

/** What the command line reads of a parameter's JSON schema. */
interface ParameterSchema {
  readonly type?: string;
  readonly description?: string;
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly items?: ParameterSchema;
}

/** A schema of an operation's parameters. */
export interface ParametersSchema {
  readonly properties: Readonly<Record<string, ParameterSchema>>;
  readonly required?: readonly string[];
}

/** Parameters in bytes: they take `2G` as well. */
const sizes = ["memory", "maxMemory", "capacity"];

/** Gives `command` an argument for each of `positional` and an option for each other parameter. */
export function addParameters(
  command: Command,
  schema: ParametersSchema,
  positional: readonly string[],
): void {
  for (const [name, parameter] of Object.entries(schema.properties)) {
    const required = schema.required?.includes(name) === true;
    const description = parameter.description ?? "";
    if (positional.includes(name)) {
      const many = parameter.type === "array" ? "..." : "";
      const word = `${kebab(name)}${many}`;
      const argument = new Argument(required ? `<${word}>` : `[${word}]`, description);
      // Several words are a list by themselves.
      if (parameter.type !== "array") argument.argParser(parserOf(name, parameter));
      command.addArgument(argument);
      continue;
    }
    const flag = `--${kebab(name)}`;
    const option = new Option(
      parameter.type === "boolean" ? flag : `${flag} <${placeholder(name, parameter)}>`,
      description,
    );
    const choices = parameter.anyOf?.map((each) => String(each.const));
    if (choices !== undefined) option.choices(choices);
    else if (parameter.type !== "boolean") option.argParser(parserOf(name, parameter));
    if (required) option.makeOptionMandatory();
    command.addOption(option);
  }
}

/** The parameters that the command line gave, by their names. */
export function readParameters(
  schema: ParametersSchema,
  positional: readonly string[],
  words: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const given = Object.keys(schema.properties).map((name) => {
    const at = Object.keys(schema.properties)
      .filter((each) => positional.includes(each))
      .indexOf(name);
    return [name, at < 0 ? options[name] : words[at]] as const;
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && !isNothing(value)));
}

/** Words of which none was given: no list, rather than one that is to be empty. */
const isNothing = (value: unknown) => Array.isArray(value) && value.length === 0;

function parserOf(
  name: string,
  { type, items }: ParameterSchema,
): (text: string, before: unknown) => unknown {
  if (sizes.includes(name)) return parseSize;
  if (name === "xml") return readText;
  switch (type) {
    case "integer":
    case "number":
      return parseNumber;
    case "array":
      return (text, before) => [
        ...(Array.isArray(before) ? before : []),
        items?.type === "object" ? parseJson(text) : text,
      ];
    case "object":
      return parseJson;
    default:
      return (text) => text;
  }
}

function parseSize(text: string): number {
  const size = parseBytes(text);
  if (size !== undefined) return size;
  throw new InvalidArgumentError("Expected a size as 512M or 2G.");
}

function parseNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number.");
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidArgumentError(`Expected a readable file: ${seen}.`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("Expected JSON.");
  }
}

function placeholder(name: string, { type }: ParameterSchema): string {
  if (sizes.includes(name)) return "size";
  if (name === "xml") return "file";
  return type === "integer" || type === "number" ? "n" : type === "object" ? "json" : kebab(name);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
