import { CasemateError } from "@casemate/core";

/** How a field is read; a number is so many bytes, not copied. */
export type FieldType = "u8" | "u16" | "u32" | "u64" | number;

type FieldValue<Type extends FieldType> = Type extends "u64"
  ? bigint
  : Type extends number
    ? Uint8Array
    : number;

/** Where each field is, in bytes, and how it is read; with the specification's own names, in its order. */
type Fields = Readonly<Record<string, readonly [offset: number, type: FieldType]>>;

/** The values of a struct. */
export type StructValues<Table extends Fields> = {
  readonly [Name in keyof Table]: FieldValue<Table[Name][1]>;
};

const WIDTHS = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

/** A struct of a specification as a table: what its bytes are called, where they are, how long it is. */
export class StructTable<const Table extends Fields> {
  readonly size: number;
  /** Where each field is, for what is read so often that making all of its values takes too long. */
  readonly at: { readonly [Name in keyof Table]: Table[Name][0] };
  readonly #fields: readonly (readonly [name: string, offset: number, type: FieldType])[];
  readonly #littleEndian: boolean;

  /** Throws if a field begins before the end of the one before it, or does not end within `size`. */
  constructor(name: string, order: "little" | "big", size: number, table: Table) {
    this.size = size;
    this.#littleEndian = order === "little";
    const offsets = Object.entries(table).map(([field, [offset]]) => [field, offset]);
    this.at = Object.fromEntries(offsets); // one of each field, as the table has it
    this.#fields = Object.entries(table).map(([field, [offset, type]]) => [field, offset, type]);
    let end = 0;
    for (const [field, offset, type] of this.#fields) {
      if (offset < end) throw wrong(`${name}.${field}`, offset, end);
      end = offset + (typeof type === "number" ? type : WIDTHS[type]);
    }
    if (end > size) throw wrong(`the end of ${name}`, end, size);
  }

  /** The values of the struct at `at`; the caller has checked that `size` bytes are there. */
  parse(bytes: Uint8Array, at = 0): StructValues<Table> {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, this.size);
    const values: Record<string, number | bigint | Uint8Array> = {};
    for (const [field, offset, type] of this.#fields) {
      values[field] = this.#read(view, offset, type);
    }
    return values as StructValues<Table>; // one value a field, each as its type says
  }

  #read(view: DataView, offset: number, type: FieldType): number | bigint | Uint8Array {
    switch (type) {
      case "u8":
        return view.getUint8(offset);
      case "u16":
        return view.getUint16(offset, this.#littleEndian);
      case "u32":
        return view.getUint32(offset, this.#littleEndian);
      case "u64":
        return view.getBigUint64(offset, this.#littleEndian);
      default:
        return new Uint8Array(view.buffer, view.byteOffset + offset, type);
    }
  }
}

function wrong(what: string, seen: number, needed: number): CasemateError {
  return new CasemateError(
    "internal",
    `Cannot lay out ${what}: it is at byte ${seen}, expected ${needed}.`,
  );
}
