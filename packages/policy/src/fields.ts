import { CasemateError, type ErrorCode } from "@casemate/core";

/**
 * The fields of a JSON object, taken one by one; whatever is not of the type asked for, and every key that
 * nobody knows, throws and says where it stands.
 */
export class Fields {
  readonly #what: string;
  readonly #code: ErrorCode;
  readonly #path: string;
  readonly #values: ReadonlyMap<string, unknown>;

  /** @param what names the document in errors; @param path is where in it the object stands. */
  constructor(value: unknown, known: readonly string[], what: string, code: ErrorCode, path = "") {
    this.#what = what;
    this.#code = code;
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#problem(path, value, "an object");
    }
    this.#values = new Map(Object.entries(value));
    for (const key of this.#values.keys()) {
      if (known.includes(key)) continue;
      throw new CasemateError(
        code,
        `Cannot use ${what}: ${this.#at(key)} is unknown, expected one of ${known.join(", ")}.`,
      );
    }
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** What stands under `key`, unseen. */
  raw(key: string): unknown {
    return this.#values.get(key);
  }

  string(key: string, otherwise?: string): string {
    return this.#take(key, otherwise, isString, "a string that is not empty");
  }

  boolean(key: string, otherwise?: boolean): boolean {
    return this.#take(key, otherwise, (value) => typeof value === "boolean", "true or false");
  }

  /** A whole number from 0. */
  count(key: string, otherwise?: number): number {
    return this.#take(key, otherwise, isCount, "a whole number from 0");
  }

  strings(key: string, otherwise?: readonly string[]): readonly string[] {
    return this.#take(key, otherwise, areStrings, "a list of strings");
  }

  /** One of the words of `choices`. */
  choice<T extends string>(key: string, choices: readonly T[], otherwise?: T): T {
    const isChoice = (value: unknown): value is T => choices.some((each) => each === value);
    return this.#take(key, otherwise, isChoice, `one of ${choices.join(", ")}`);
  }

  /** Some of the words of `choices`. */
  choices<T extends string>(
    key: string,
    choices: readonly T[],
    otherwise?: readonly T[],
  ): readonly T[] {
    const areChoices = (value: unknown): value is readonly T[] =>
      Array.isArray(value) && value.every((one) => choices.some((each) => each === one));
    return this.#take(key, otherwise, areChoices, `a list of ${choices.join(", ")}`);
  }

  /** The object under `key`; an empty one where it is absent and may be. */
  object(key: string, known: readonly string[], mayBeAbsent = false): Fields {
    const value = this.#values.get(key) ?? (mayBeAbsent ? {} : undefined);
    return new Fields(value, known, this.#what, this.#code, this.#at(key));
  }

  /** The objects under `key`; none where it is absent. */
  objects(key: string, known: readonly string[]): readonly Fields[] {
    const value = this.#values.get(key) ?? [];
    if (!Array.isArray(value)) throw this.#problem(this.#at(key), value, "a list");
    return value.map(
      (each, index) =>
        new Fields(each, known, this.#what, this.#code, `${this.#at(key)}[${index}]`),
    );
  }

  #take<T>(
    key: string,
    otherwise: T | undefined,
    is: (value: unknown) => value is T,
    expected: string,
  ): T {
    const value = this.#values.has(key) ? this.#values.get(key) : otherwise;
    if (!is(value)) throw this.#problem(this.#at(key), value, expected);
    return value;
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }

  #problem(path: string, value: unknown, expected: string): CasemateError {
    const seen = value === undefined ? "absent" : JSON.stringify(value).slice(0, 80);
    const where = path === "" ? "it" : path;
    return new CasemateError(
      this.#code,
      `Cannot use ${this.#what}: ${where} is ${seen}, expected ${expected}.`,
    );
  }
}

const isString = (value: unknown): value is string => typeof value === "string" && value !== "";

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const areStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(isString);
