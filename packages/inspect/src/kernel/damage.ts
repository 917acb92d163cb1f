/** Something that could not be read because the guest's memory contradicts itself there. */
export interface Damage {
  /** What it is, and its address where it has one: `task_struct at 0xffff888003b5c000`. */
  readonly object: string;
  /** The sentence of the error. */
  readonly reason: string;
}
