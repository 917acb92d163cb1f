import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FactDraft } from "@casemate/ledger";
import { type AccountService, openAccountService } from "../src/accounts/account-service.ts";
import { bootstrapPrincipal, type Principal } from "../src/accounts/principal.ts";
import { openStore, type Store } from "../src/store/store.ts";

/** An account service on a store of its own, with a clock that stands still until it is moved. */
export interface People {
  readonly directory: string;
  readonly store: Store;
  readonly people: AccountService;
  /** What was recorded so far. */
  readonly facts: FactDraft[];
  /** Thrown by the ledger from now on; `undefined` lets it record again. */
  failWith(error: Error | undefined): void;
  now(): Date;
  pass(milliseconds: number): void;
  /** The same store, opened by a service that knows nothing but what is in it. */
  restart(): Promise<AccountService>;
}

export const minute = 60_000;
export const day = 24 * 60 * minute;

/** For `t`, with what `write` puts into the directory first. */
export async function openPeople(
  t: Pick<TestContext, "after">,
  write: (directory: string) => Promise<void> = async () => {},
): Promise<People> {
  const directory = await mkdtemp(join(tmpdir(), "casemate-people-"));
  await write(directory);
  const store = await openStore(directory);
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  const facts: FactDraft[] = [];
  let time = Date.UTC(2026, 0, 5, 8);
  let failure: Error | undefined;
  const open = () =>
    openAccountService({
      directory,
      db: store.db,
      record: async (draft) => {
        if (failure !== undefined) throw failure;
        facts.push(structuredClone(draft));
      },
      mayAppoint: (_principal, action) => action === "account.establish",
      relyingParty: () => ({ id: "localhost", origins: ["https://localhost:7443"] }),
      now: () => new Date(time),
    });
  return {
    ...{ directory, store, facts, people: await open() },
    failWith: (error) => {
      failure = error;
    },
    now: () => new Date(time),
    pass: (milliseconds) => {
      time += milliseconds;
    },
    restart: open,
  };
}

export const password = "correct horse battery staple";

/** An account with a password of its own choice, and a session of it. */
export async function openAccount(
  { people }: People,
  name: string,
  roles: Parameters<AccountService["accounts"]["create"]>[0]["roles"],
): Promise<{ readonly principal: Principal; readonly token: string }> {
  await people.accounts.create({ name, person: name, roles, password }, bootstrapPrincipal);
  const { token } = await people.login({ name, password, code: undefined, address: "192.0.2.1" });
  const principal = await people.authenticate(token);
  if (principal === undefined) throw new Error("the session opens nothing");
  return { principal, token };
}
