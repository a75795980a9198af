/** Discord's figures (https://docs.discord.com/developers), lengths in UTF-16 code units. */
export const CONTENT_LENGTH = 2000;
export const CUSTOM_ID_LENGTH = 100;
export const ALT_TEXT_LENGTH = 1024;
export const CHOICES_PER_AUTOCOMPLETE = 25;
export const CHOICE_LENGTH = 100;
/** Bytes a file may have where the interaction names no other limit (`attachment_size_limit`). */
export const ATTACHMENT_BYTES = 10 * 2 ** 20;
/** Milliseconds that an interaction's token lives. */
export const INTERACTION_TOKEN_LIFETIME = 15 * 60_000;
/** Milliseconds from one progress edit to the next: a channel takes about 5 edits in 5 s, from all its messages together. */
export const EDIT_INTERVAL = 1500;
