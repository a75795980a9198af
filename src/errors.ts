/**
 * Something the person who asked can mend: a bad option, a broken picture, an incomplete model folder.
 * The message says what was wrong, where, and what would be right; it is shown as it stands
 * (an ephemeral reply in Discord, stderr and exit code 2 on the command line), never with a stack.
 * Any other error is a defect of ours.
 */
export class InputError extends Error {
  override name = 'InputError';
}
