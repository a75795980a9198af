import type {
  APIActionRowComponent,
  APIButtonComponent,
  RESTPatchAPIWebhookWithTokenMessageJSONBody,
} from 'discord-api-types/v10';

/** A message without pictures of its own. */
export interface TextView {
  content: string;
  components: APIActionRowComponent<APIButtonComponent>[];
}

/**
 * A message as a value. Classic content, attachments and buttons rather than Components V2: the pictures stay
 * attachments, which is where the buttons and reactions of a message find them again, clients show up to four of them
 * as a gallery by themselves, and notifications show the text.
 */
export interface MessageView extends TextView {
  /** Replace all pictures that the message has; absent, it keeps them. */
  files?: readonly ViewFile[];
}

export interface ViewFile {
  name: string;
  /** Alternative text, at most 1,024 characters. */
  alt: string;
  /** The encoded picture. */
  data: Uint8Array;
}

/** Nobody is ever pinged: prompts are user text, and who asked sees the answer to their own command. */
export const NO_MENTIONS = { parse: [] };

/** The JSON body of a view; its files go beside it in the same order. */
export function messageBody({ content, components, files }: MessageView): RESTPatchAPIWebhookWithTokenMessageJSONBody {
  const attachments = files?.map(({ name, alt }, i) => ({ id: String(i), filename: name, description: alt }));
  return { content, components, allowed_mentions: NO_MENTIONS, ...(attachments && { attachments }) };
}
