/**
 * What lives in this process of its own, in bytes: V8's heap, and buffers. Guests' RAM that it maps is not: V8
 * counts that as `external`.
 */
export function liveBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
