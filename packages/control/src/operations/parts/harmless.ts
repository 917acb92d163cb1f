/** What a plan says that takes nothing away: neither state, nor time, nor room. */
export const harmless = {
  irreversible: [],
  destroysState: false,
  downtime: false,
  diskBytes: 0,
} as const;
