/** What is asked of a file; undefined where there is no such file. */
export const unlessMissing = <R>(work: Promise<R>): Promise<R | undefined> =>
  work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
