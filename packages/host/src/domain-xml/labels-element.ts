/** Casemate's own element in a domain's <metadata>: `<casemate:vm><casemate:label>…`. */
export const labelsElement = {
  namespace: "urn:casemate:vm:1",
  prefix: "casemate",
  name: "vm",
  label: "label",
} as const;
