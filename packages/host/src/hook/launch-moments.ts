/**
 * The moments at which libvirt takes its hook's refusal, by the hook's second and third word
 * (libvirt.org/hooks.html), and what it is about to do then.
 */
export const launchMoments: Readonly<Record<string, "start" | "receive">> = {
  "prepare begin": "start",
  "migrate begin": "receive",
  "restore begin": "start",
};
