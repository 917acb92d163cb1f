/** Modules that guests load for truths: devices, file systems, packet filters, and what `ss` asks. */
export const diskModules: readonly string[] = [
  "dummy",
  "bridge",
  "veth",
  "loop",
  "overlay",
  "nf_tables",
  "nfnetlink_hook",
  "inet_diag",
  "tcp_diag",
  "udp_diag",
  "raw_diag",
  "unix_diag",
  "netlink_diag",
  "af_packet_diag",
  "sch_ingress",
  "cls_bpf",
];
