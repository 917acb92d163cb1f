/** A block of the file system as a transaction in the log has it. */
export interface LoggedBlock {
  /** Its number in the file system. HOSTILE: any that the log may hold. */
  readonly block: number;
  /** Which block of the log has its contents. */
  readonly at: number;
  /** The transaction's number, which its checksum begins with. */
  readonly sequence: number;
  /** Its first four bytes are the log's own magic number, and zeros in the log. */
  readonly isEscaped: boolean;
  /** As the log has it: 32 bits in version 3, 16 in version 2. */
  readonly checksum: number;
}

/** What was committed at once. */
export interface Transaction {
  readonly logged: readonly LoggedBlock[];
  /** Blocks whose contents in this and all transactions before it are void. */
  readonly revoked: readonly number[];
}
