import { severities } from "@casemate/inspect";
import { type ASTNode, Environment } from "@marcbachmann/cel-js";

/** What a condition about VMs can speak of. */
export interface VmSubject {
  readonly vm: {
    readonly uuid: string;
    readonly name: string;
    readonly host: string;
    readonly networks: readonly string[];
    readonly labels: readonly string[];
  };
}

/** What a condition about findings can speak of. HOSTILE: the guest has its word in key, title and because. */
export interface FindingSubject extends VmSubject {
  readonly finding: {
    readonly detector: string;
    readonly key: string;
    readonly title: string;
    readonly because: string;
    /** As the detector says. */
    readonly severity: string;
    readonly techniques: readonly string[];
  };
}

/** A condition in the Common Expression Language that fits what it can speak of. */
export interface Condition<Subject> {
  readonly source: string;
  /** Throws where it cannot be told, as of the third label of a VM with two. */
  holds(subject: Subject): boolean;
}

const ranks: readonly string[] = severities;

const vmFields = {
  ...{ uuid: "string", name: "string", host: "string" },
  ...{ networks: "list<string>", labels: "list<string>" },
};

const ofVms = new Environment({ unlistedVariablesAreDyn: false })
  .registerVariable({ name: "vm", schema: vmFields })
  .registerFunction("string.atLeast(string): bool", (one: string, other: string) => {
    const [rank, least] = [one, other].map((each) => ranks.indexOf(each));
    if (rank === undefined || least === undefined || rank < 0 || least < 0) {
      throw new RangeError(`${one} or ${other} is no severity, expected ${severities.join(", ")}`);
    }
    return rank >= least;
  });

const ofFindings = ofVms.clone().registerVariable({
  name: "finding",
  schema: {
    ...{ detector: "string", key: "string", title: "string", because: "string" },
    ...{ severity: "string", techniques: "list<string>" },
  },
});

/**
 * The condition, or the sentence that says what is wrong with it.
 *
 * @param about what it may speak of: VMs alone, or findings on them
 */
export function parseCondition(source: string, about: "vm"): Condition<VmSubject> | string;
export function parseCondition(
  source: string,
  about: "finding",
): Condition<FindingSubject> | string;
export function parseCondition(
  source: string,
  about: "vm" | "finding",
): Condition<FindingSubject> | string {
  const environment = about === "vm" ? ofVms : ofFindings;
  try {
    const parsed = environment.parse(source);
    const { valid, type, error } = parsed.check();
    if (!valid) return firstLine(error);
    if (type !== "bool") return `it is a ${type}, expected a bool`;
    if (usesMatches(parsed.ast)) {
      // HOSTILE: expressions of JavaScript can take for ever for a text that the guest chooses.
      return "it uses matches(), expected contains(), startsWith() or endsWith()";
    }
    return { source, holds: (subject) => parsed(subject) === true };
  } catch (thrown) {
    return firstLine(thrown);
  }
}

/** The first line of the library's words: the others show the place in the source. */
function firstLine(thrown: unknown): string {
  const [line = ""] = (thrown instanceof Error ? thrown.message : String(thrown)).split("\n");
  return line;
}

function usesMatches(node: ASTNode): boolean {
  if ((node.op === "rcall" || node.op === "call") && node.args[0] === "matches") return true;
  return walkNodes(node.args).some(usesMatches);
}

/** The nodes among a node's operands, which may be lists of lists of them. */
function walkNodes(operands: unknown): readonly ASTNode[] {
  if (Array.isArray(operands)) return operands.flatMap(walkNodes);
  const isNode = typeof operands === "object" && operands !== null && "op" in operands;
  return isNode ? [operands as ASTNode] : []; // nothing else of the library's has an op
}
