import { kernelModules } from "./boot/kernel-modules.ts";
import { kernels } from "./boot/kernels.ts";
import { containerdImages } from "./containers/containerd-images.ts";
import { dockerImages } from "./containers/docker-images.ts";
import { podmanImages } from "./containers/podman-images.ts";
import { authorizedKeys } from "./identity/authorized-keys.ts";
import { certificates } from "./identity/certificates.ts";
import { groups } from "./identity/groups.ts";
import { identifiers } from "./identity/identifiers.ts";
import { privilegedFiles } from "./identity/privileged-files.ts";
import { sshHostKeys } from "./identity/ssh-host-keys.ts";
import { users } from "./identity/users.ts";
import { integritySections } from "./integrity/integrity-sections.ts";
import { type InventoryRows, inventoryTables as tables } from "./inventory-tables.ts";
import { malwareSection } from "./malware/malware-section.ts";
import { orderPackages } from "./packages/order-packages.ts";
import { packagesSection } from "./packages/packages-section.ts";
import { secretsSection } from "./secrets/secrets-section.ts";
import type { Sections } from "./section.ts";
import { schedules } from "./services/schedules.ts";
import { services } from "./services/services.ts";

export { type InventoryRows, inventorySections, type SectionName } from "./inventory-tables.ts";

/** Every section of an inventory, with what finds its rows; in the order of `inventoryTables`. */
export const inventory: Sections<InventoryRows> = {
  packages: { ...packagesSection, order: orderPackages },
  kernels: { ...tables.kernels, collectors: [kernels] },
  kernelModules: { ...tables.kernelModules, visitors: [kernelModules] },
  identifiers: { ...tables.identifiers, collectors: [identifiers] },
  users: { ...tables.users, collectors: [users] },
  groups: { ...tables.groups, collectors: [groups] },
  sshHostKeys: { ...tables.sshHostKeys, collectors: [sshHostKeys] },
  authorizedKeys: { ...tables.authorizedKeys, collectors: [authorizedKeys] },
  certificates: { ...tables.certificates, visitors: [certificates] },
  services: { ...tables.services, collectors: [services] },
  schedules: { ...tables.schedules, collectors: [schedules] },
  privilegedFiles: { ...tables.privilegedFiles, visitors: [privilegedFiles] },
  containerImages: {
    ...tables.containerImages,
    collectors: [dockerImages, podmanImages, containerdImages],
  },
  ...integritySections,
  secrets: secretsSection(),
  malware: malwareSection(),
};
