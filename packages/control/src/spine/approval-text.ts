/** What an approval signs. */
export function approvalText(request: string, planHash: string): string {
  return `casemate/v1 approval\n${request}\n${planHash}\n`;
}
