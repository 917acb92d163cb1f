import { fileURLToPath } from "node:url";
import {
  actions,
  type Decision,
  PolicyEngine,
  parseRequest,
  type Role,
  roles,
} from "../src/index.ts";
import { parseRight, shippedFiles } from "./shipped.ts";

/** What each role may do by the shipped policies, as the table that stands in `policy/roles.md`. */
export function renderRoleTable(): string {
  const engine = new PolicyEngine(parseRight(shippedFiles));
  const cell = (action: string, role: Role) => {
    const [plain, factor] = [false, true].map((mfa) =>
      describe(
        engine.authorize(parseRequest({ principal: { roles: [role], mfa }, action }, "the table")),
      ),
    );
    return plain === factor ? plain : `${factor}, second factor`;
  };
  const rows = actions.map(({ id, summary }) => [
    `\`${id}\``,
    summary,
    ...roles.map((role) => cell(id, role) ?? ""),
  ]);
  const table = [["action", "what it is", ...roles], ...rows];
  const widths = table[0]?.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[], fill = " ") =>
    `| ${cells.map((each, column) => each.padEnd(widths?.[column] ?? 0, fill)).join(" | ")} |`;
  const [head = [], ...body] = table;
  const blank = head.map(() => "");
  return `# What each role may do

Made by \`node packages/policy/test/role-table.ts > policy/roles.md\` from the policies here; a test compares. Each
row is asked by one person with one role, through the API, about a VM without labels or another person's account or
request. "officer" and "owner" stand for the approval of another person in that role.

${[line(head), line(blank, "-"), ...body.map((cells) => line(cells))].join("\n")}
`;
}

function describe(decision: Decision): string {
  switch (decision.kind) {
    case "permitted":
      return "yes";
    case "denied":
      return "–";
    case "needs-approval":
      return decision.duties
        .map(({ by, count }) => `${count > 1 ? `${count} × ` : ""}${by.replace("security-", "")}`)
        .join(", ");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(renderRoleTable());
