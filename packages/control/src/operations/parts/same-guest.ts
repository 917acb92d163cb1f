/** What a copy of a guest has in common with it, whatever its definition says; in sentences. */
export const sameGuest: readonly string[] = [
  "Inside the guest, its host name, machine-id, SSH host keys, certificates, passwords and random seeds are those of its source until they are made anew.",
];
