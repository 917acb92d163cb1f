import type { KernelModule } from "./boot/kernel-modules.ts";
import type { InstalledKernel } from "./boot/kernels.ts";
import type { ContainerImage } from "./containers/container-image.ts";
import type { AuthorizedKey } from "./identity/authorized-keys.ts";
import type { Certificate } from "./identity/certificates.ts";
import type { UserGroup } from "./identity/groups.ts";
import type { Identifier } from "./identity/identifiers.ts";
import type { PrivilegedFile } from "./identity/privileged-files.ts";
import type { SshHostKey } from "./identity/ssh-host-keys.ts";
import type { UserAccount } from "./identity/users.ts";
import { type IntegrityRows, integrityTables } from "./integrity/integrity-tables.ts";
import type { MalwareHit } from "./malware/malware-hit.ts";
import { malwareTable } from "./malware/malware-table.ts";
import type { InstalledPackage } from "./packages/installed-package.ts";
import type { Secret } from "./secrets/secret.ts";
import { secretsTable } from "./secrets/secrets-table.ts";
import { type Sections, sectionNames } from "./section.ts";
import type { Schedule } from "./services/schedules.ts";
import type { EnabledService } from "./services/services.ts";

/** What is on a system, by section: one row of each. */
export interface InventoryRows extends IntegrityRows {
  readonly packages: InstalledPackage;
  readonly kernels: InstalledKernel;
  readonly kernelModules: KernelModule;
  readonly identifiers: Identifier;
  readonly users: UserAccount;
  readonly groups: UserGroup;
  readonly sshHostKeys: SshHostKey;
  readonly authorizedKeys: AuthorizedKey;
  readonly certificates: Certificate;
  readonly services: EnabledService;
  readonly schedules: Schedule;
  readonly privilegedFiles: PrivilegedFile;
  readonly containerImages: ContainerImage;
  readonly secrets: Secret;
  readonly malware: MalwareHit;
}

export type SectionName = keyof InventoryRows;

/** How the rows of every section are called and shown, in the order people see them, without what finds them. */
export const inventoryTables: Sections<InventoryRows> = {
  packages: {
    title: "installed packages",
    key: ({ type, name, architecture, from }) => `${type} ${name} ${architecture ?? from}`,
    columns: [
      { title: "TYPE", text: ({ type }) => type },
      { title: "NAME", text: ({ name }) => name },
      { title: "VERSION", text: ({ version }) => version },
      { title: "ARCHITECTURE", text: ({ architecture = "-" }) => architecture },
      { title: "FROM", text: ({ from }) => from },
    ],
  },
  kernels: {
    title: "kernels",
    key: ({ path }) => path,
    columns: [
      { title: "RELEASE", text: ({ release }) => release },
      { title: "DEFAULT", text: ({ isDefault }) => (isDefault ? "yes" : "-") },
      { title: "MODULES", text: ({ hasModules }) => (hasModules ? "yes" : "-") },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  kernelModules: {
    title: "kernel modules",
    isLong: true,
    key: ({ path }) => path,
    columns: [
      { title: "RELEASE", text: ({ release }) => release },
      { title: "NAME", text: ({ name }) => name },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  identifiers: {
    title: "identifiers of the machine",
    key: ({ kind, path }) => `${kind} ${path}`,
    columns: [
      { title: "KIND", text: ({ kind }) => kind },
      { title: "VALUE", text: ({ value }) => value },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  users: {
    title: "users",
    key: ({ name }) => name,
    columns: [
      { title: "NAME", text: ({ name }) => name },
      { title: "UID", align: "right", text: ({ uid }) => `${uid}` },
      { title: "GID", align: "right", text: ({ gid }) => `${gid}` },
      { title: "PASSWORD", text: ({ password, hash = password }) => hash },
      { title: "SHELL", text: ({ shell }) => shell },
      { title: "HOME", text: ({ home }) => home },
    ],
  },
  groups: {
    title: "groups",
    key: ({ name }) => name,
    columns: [
      { title: "NAME", text: ({ name }) => name },
      { title: "GID", align: "right", text: ({ gid }) => `${gid}` },
      { title: "MEMBERS", text: ({ members }) => members.join(" ") || "-" },
    ],
  },
  sshHostKeys: {
    title: "SSH host keys",
    key: ({ path }) => path,
    columns: [
      { title: "BITS", align: "right", text: ({ bits }) => `${bits ?? "-"}` },
      { title: "FINGERPRINT", text: ({ fingerprint }) => fingerprint },
      { title: "ALGORITHM", text: ({ algorithm }) => algorithm },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  authorizedKeys: {
    title: "keys that open accounts over SSH",
    key: ({ user, fingerprint, path }) => `${user} ${fingerprint} ${path}`,
    columns: [
      { title: "USER", text: ({ user }) => user },
      { title: "FINGERPRINT", text: ({ fingerprint }) => fingerprint },
      { title: "ALGORITHM", text: ({ algorithm }) => algorithm },
      { title: "COMMENT", text: ({ comment = "-" }) => comment },
      { title: "PATH", text: ({ path, line }) => `${path}:${line}` },
    ],
  },
  certificates: {
    title: "certificates",
    key: ({ path, subject }) => `${path} ${subject}`,
    columns: [
      { title: "UNTIL", text: ({ notAfter }) => notAfter },
      { title: "SUBJECT", text: ({ subject }) => subject },
      { title: "ISSUER", text: ({ issuer }) => issuer },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  services: {
    title: "services that start by themselves",
    key: ({ name, manager }) => `${manager} ${name}`,
    columns: [
      { title: "NAME", text: ({ name }) => name },
      { title: "MANAGER", text: ({ manager }) => manager },
      { title: "WANTED BY", text: ({ wantedBy }) => wantedBy.join(" ") },
      { title: "COMMAND", text: ({ command = "-" }) => command },
    ],
  },
  schedules: {
    title: "things done at their time",
    key: ({ kind, path, command }) => `${kind} ${path} ${command}`,
    columns: [
      { title: "KIND", text: ({ kind }) => kind },
      { title: "WHEN", text: ({ when }) => when },
      { title: "USER", text: ({ user = "-" }) => user },
      { title: "COMMAND", text: ({ command }) => command },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  privilegedFiles: {
    title: "set-user-ID and set-group-ID files",
    key: ({ path }) => path,
    columns: [
      { title: "MODE", text: ({ mode }) => mode },
      { title: "UID", align: "right", text: ({ uid }) => `${uid}` },
      { title: "GID", align: "right", text: ({ gid }) => `${gid}` },
      { title: "PATH", text: ({ path }) => path },
    ],
  },
  containerImages: {
    title: "container images",
    key: ({ store, id }) => `${store} ${id}`,
    columns: [
      { title: "STORE", text: ({ store }) => store },
      { title: "NAMES", text: ({ names }) => names.join(" ") || "-" },
      { title: "ID", text: ({ id }) => id.slice(0, "sha256:".length + 12) },
      { title: "LAYERS", align: "right", text: ({ layers }) => `${layers.length}` },
      { title: "CREATED", text: ({ created = "-" }) => created },
    ],
  },
  ...integrityTables,
  secrets: secretsTable,
  malware: malwareTable,
};

export const inventorySections: readonly SectionName[] = sectionNames(inventoryTables);
