/** The version that every JSON document of Casemate carries. */
export const apiVersion = "casemate/v1" as const; // a literal, not a string, wherever it goes
