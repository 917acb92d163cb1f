import { type KernelModule, kernelModules } from "./boot/kernel-modules.ts";
import { type InstalledKernel, kernels } from "./boot/kernels.ts";
import type { ContainerImage } from "./containers/container-image.ts";
import { containerdImages } from "./containers/containerd-images.ts";
import { dockerImages } from "./containers/docker-images.ts";
import { podmanImages } from "./containers/podman-images.ts";
import { type AuthorizedKey, authorizedKeys } from "./identity/authorized-keys.ts";
import { type Certificate, certificates } from "./identity/certificates.ts";
import { groups, type UserGroup } from "./identity/groups.ts";
import { type Identifier, identifiers } from "./identity/identifiers.ts";
import { type PrivilegedFile, privilegedFiles } from "./identity/privileged-files.ts";
import { type SshHostKey, sshHostKeys } from "./identity/ssh-host-keys.ts";
import { type UserAccount, users } from "./identity/users.ts";
import { type IntegrityRows, integritySections } from "./integrity/integrity-sections.ts";
import { markOwned } from "./integrity/mark-owned.ts";
import type { MalwareHit } from "./malware/malware-hit.ts";
import { malwareSection } from "./malware/malware-section.ts";
import { apk } from "./packages/apk.ts";
import { dpkg } from "./packages/dpkg.ts";
import type { InstalledPackage } from "./packages/installed-package.ts";
import { nodePackages } from "./packages/languages/node-packages.ts";
import { programPackages } from "./packages/languages/program-packages.ts";
import { pythonPackages } from "./packages/languages/python-packages.ts";
import { orderPackages } from "./packages/order-packages.ts";
import { rpm } from "./packages/rpm/rpm.ts";
import type { Secret } from "./secrets/secret.ts";
import { secretsSection } from "./secrets/secrets-section.ts";
import { type Sections, sectionNames } from "./section.ts";
import { type Schedule, schedules } from "./services/schedules.ts";
import { type EnabledService, services } from "./services/services.ts";

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

/** Every section of an inventory, in the order people see them. */
export const inventory: Sections<InventoryRows> = {
  packages: {
    title: "installed packages",
    key: ({ type, name, architecture, from }) => `${type} ${name} ${architecture ?? from}`,
    order: orderPackages,
    columns: [
      { title: "TYPE", text: ({ type }) => type },
      { title: "NAME", text: ({ name }) => name },
      { title: "VERSION", text: ({ version }) => version },
      { title: "ARCHITECTURE", text: ({ architecture = "-" }) => architecture },
      { title: "FROM", text: ({ from }) => from },
    ],
    collectors: [dpkg, rpm, apk],
    visitors: [pythonPackages, nodePackages, programPackages],
    refine: markOwned,
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
    collectors: [kernels],
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
    visitors: [kernelModules],
  },
  identifiers: {
    title: "identifiers of the machine",
    key: ({ kind, path }) => `${kind} ${path}`,
    columns: [
      { title: "KIND", text: ({ kind }) => kind },
      { title: "VALUE", text: ({ value }) => value },
      { title: "PATH", text: ({ path }) => path },
    ],
    collectors: [identifiers],
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
    collectors: [users],
  },
  groups: {
    title: "groups",
    key: ({ name }) => name,
    columns: [
      { title: "NAME", text: ({ name }) => name },
      { title: "GID", align: "right", text: ({ gid }) => `${gid}` },
      { title: "MEMBERS", text: ({ members }) => members.join(" ") || "-" },
    ],
    collectors: [groups],
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
    collectors: [sshHostKeys],
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
    collectors: [authorizedKeys],
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
    visitors: [certificates],
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
    collectors: [services],
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
    collectors: [schedules],
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
    visitors: [privilegedFiles],
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
    collectors: [dockerImages, podmanImages, containerdImages],
  },
  ...integritySections,
  secrets: secretsSection(),
  malware: malwareSection(),
};

export const inventorySections: readonly SectionName[] = sectionNames(inventory);
