/** The NBD protocol (doc/proto.md of NetworkBlockDevice/nbd), fixed newstyle; all numbers big-endian. */
export const MAGIC = 0x4e42_444d_4147_4943n; // "NBDMAGIC"
export const OPTION_MAGIC = 0x4948_4156_454f_5054n; // "IHAVEOPT"
export const OPTION_REPLY_MAGIC = 0x0003_e889_0455_65a9n;
export const REQUEST_MAGIC = 0x2560_9513;
export const REPLY_MAGIC = 0x6744_6698;

/** `NBD_FLAG_FIXED_NEWSTYLE` and `NBD_FLAG_NO_ZEROES`, for both sides. */
export const HANDSHAKE_FLAGS = 3;
/** `NBD_FLAG_HAS_FLAGS` and `NBD_FLAG_READ_ONLY`. */
export const READ_ONLY_EXPORT = 3;

export const Option = { abort: 2, go: 7 } as const;
export const OptionReply = { ack: 1, info: 3, errUnsupported: 0x8000_0001 } as const;
export const Info = { export: 0, blockSize: 3 } as const;
export const Command = { read: 0, disconnect: 2 } as const;
export const EIO = 5;
export const EINVAL = 22;

/** Of one request: what both sides here ask for and answer at most. */
export const MAX_TRANSFER = 1024 * 1024;
/** Of an option or its reply, in bytes: names have 4,096 at most. */
export const MAX_OPTION = 8192;
