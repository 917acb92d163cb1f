import type { AgentAnswer, AgentQuestion, GuestFiles } from "../../src/index.ts";

/** What a line begins with that is no base64: the file is not there, or too long for a serial line. */
const [NONE, LONG] = ["-", "*"];
/** In bytes. */
const LONGEST = 16 * 1024;

/**
 * Answers as QEMU's guest agent does, which these guests have not: by what a root shell in the guest prints.
 *
 * @param run gives what a command in the guest prints.
 * @param files has the guest's long files as they were before it was started.
 */
export function consoleAgent(
  run: (command: string) => Promise<string>,
  files: GuestFiles | undefined,
): (questions: readonly AgentQuestion[]) => Promise<readonly AgentAnswer[]> {
  return async (questions) => {
    const said = await run(questions.map(commandOf).join("\n"));
    const lines = said.split("\n");
    return questions.map((question, index) => answer(question, lines[index] ?? "", files));
  };
}

/** Prints one line. A process may end between what is asked of its files. */
function commandOf(question: AgentQuestion): string {
  switch (question.ask) {
    case "file":
      return `if [ ! -e ${question.path} ]; then echo '${NONE}'
        elif [ "$(stat -Lc %s ${question.path})" -gt ${LONGEST} ]; then echo '${LONG}'
        else base64 -w0 ${question.path} && echo || echo '${NONE}'; fi 2>/dev/null`;
    case "processes":
      return "ls -1 /proc | base64 -w0; echo";
    case "interfaces":
      return "ip -j addr";
  }
}

function answer(question: AgentQuestion, line: string, files: GuestFiles | undefined): AgentAnswer {
  if (question.ask === "interfaces") return returned(JSON.parse(line).map(asInterface));
  if (line.startsWith(NONE)) return { kind: "refused", words: "open: No such file or directory" };
  if (question.ask === "processes") {
    return returned({ exited: true, exitcode: 0, "out-data": line });
  }
  const isLong = line.startsWith(LONG);
  const long = isLong ? files?.read(question.path, question.bytes) : undefined;
  const text = isLong ? Buffer.from(long ?? []).toString("base64") : line;
  const count = Buffer.from(text, "base64").length;
  return returned({ count, "buf-b64": text, eof: true });
}

const returned = (value: object): AgentAnswer => ({
  kind: "said",
  text: JSON.stringify({ return: value }),
});

/** A device of `ip -j addr`, of which this is used. */
interface IpDevice {
  readonly ifname: string;
  readonly address?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

const asInterface = ({ ifname, address, addr_info }: IpDevice) => ({
  name: ifname,
  ...(address === undefined ? {} : { "hardware-address": address }),
  "ip-addresses": addr_info.map(({ local, prefixlen }) => ({
    "ip-address": local,
    prefix: prefixlen,
  })),
});
