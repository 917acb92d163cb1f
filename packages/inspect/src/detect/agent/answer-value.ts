import { CasemateError } from "@casemate/core";

/** Names and addresses are no longer: they are shown. */
const MAX_TEXT = 256;
/** A file of 4 MiB in base64. */
const MAX_BASE64 = 5_700_000;
const MAX_ITEMS = 10_000;

/** A value of an agent's answer, of which nothing is believed. HOSTILE. */
export class AnswerValue {
  readonly #value: unknown;

  private constructor(value: unknown) {
    this.#value = value;
  }

  /** What a command returned. Throws `inspect/agent-answer`, as all methods do where it is something else. */
  static parse(text: string): AnswerValue {
    try {
      return new AnswerValue(JSON.parse(text)).member("return");
    } catch (thrown) {
      throw thrown instanceof CasemateError ? thrown : unfit("no JSON");
    }
  }

  /** A member of an object. */
  member(name: string): AnswerValue {
    const value = this.#value;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      throw unfit(`no ${name}`);
    }
    return new AnswerValue((value as Readonly<Record<string, unknown>>)[name]); // it has it
  }

  has(name: string): boolean {
    const value = this.#value;
    return typeof value === "object" && value !== null && Object.hasOwn(value, name);
  }

  list(): readonly AnswerValue[] {
    const value = this.#value;
    if (!Array.isArray(value) || value.length > MAX_ITEMS) throw unfit("no list, or one too long");
    return value.map((each) => new AnswerValue(each));
  }

  text(most = MAX_TEXT): string {
    const value = this.#value;
    if (typeof value !== "string" || value.length > most) throw unfit("no text");
    return value;
  }

  /** A whole number that is not negative. */
  count(): number {
    const value = this.#value;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw unfit("no number");
    }
    return value;
  }

  truth(): boolean {
    if (typeof this.#value !== "boolean") throw unfit("neither true nor false");
    return this.#value;
  }

  bytes(): Buffer {
    const text = this.text(MAX_BASE64);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw unfit("no base64");
    return Buffer.from(text, "base64");
  }
}

/** What an agent answered instead. */
export function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/agent-answer",
    `Cannot take what the guest agent answered: ${seen}, expected what it was asked for.`,
  );
}
