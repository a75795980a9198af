import { InputError } from '../../errors.ts';

/** Does work that writes to a disk; where that is full, says so and where. */
export async function explainFullDisk<R>(path: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new InputError(
      `the disk is full: ${path} could not be written. What was there before is kept; make room and start again`,
    );
  }
}
