import type { FileType } from "@casemate/formats/disk";
import type { PackageType } from "../packages/installed-package.ts";
import type { DigestAlgorithm } from "./hash-file.ts";

/** What a package's own database says of one of its files. HOSTILE: the guest says it. */
export interface PackagedFile {
  readonly package: string;
  readonly packageType: PackageType;
  /** It is there to be changed by whoever runs the system. */
  readonly isConfiguration: boolean;
  /** That it is not there is no wonder: it was left out when the package was installed. */
  readonly mayBeMissing: boolean;
  /** Each of these absent where the database does not say, or says that it may differ. */
  readonly type?: FileType;
  readonly digest?: Digest;
  /** Other files of the package have a digest, and this one, if it is a file, should have. */
  readonly lacksDigest?: boolean;
  /** In bytes. */
  readonly size?: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Where a symbolic link leads. */
  readonly target?: string;
}

export interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}
