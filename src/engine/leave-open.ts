/**
 * Work whose failure is no answer in a process that stops: the metadata database may go down with it. It never settles then,
 * so that the durable engine gives the work to the next process instead of recording how it failed.
 */
export async function leaveOpenWhenDraining<T>(work: Promise<T>, draining: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (draining.aborted) return new Promise<never>(() => {});
    throw error;
  }
}
