// Of `task_struct.flags` (include/linux/sched.h); macros, so BTF does not know them.

/** It ends. */
export const PF_EXITING = 0x4;
/** A thread of the kernel's own. */
export const PF_KTHREAD = 0x0020_0000;
