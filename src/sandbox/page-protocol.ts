import type {
  APIApplicationCommand,
  APIApplicationCommandOptionChoice,
  APIMessage,
  APIModalInteractionResponseCallbackData,
  APIUser,
} from 'discord-api-types/v10';

/** What the web page and the local Discord say to each other over the socket at /page/socket, as JSON. */

export interface PageChannel {
  id: string;
  /** Without # or @. */
  name: string;
  kind: 'text' | 'direct';
  /** The other one of a private channel. */
  recipient?: APIUser;
  topic: string;
  /** Commands that can be used here. */
  commands: APIApplicationCommand[];
}

/** An interaction on its way: shown until the bot acknowledged it, and with its failure where it didn't in 3 s. */
export interface InteractionState {
  id: string;
  state: 'sent' | 'acknowledged' | 'failed';
  channelId: string;
  /** Of a command. */
  commandName?: string;
  /** Of a button or menu. */
  messageId?: string;
  customId?: string;
}

export type PageUpdate =
  | {
      type: 'ready';
      user: APIUser;
      people: readonly APIUser[];
      bot: APIUser;
      botOnline: boolean;
      channels: PageChannel[];
      messages: APIMessage[];
    }
  | { type: 'channels'; channels: PageChannel[] }
  | { type: 'bot'; online: boolean }
  | { type: 'message'; message: APIMessage }
  | { type: 'message-deleted'; channelId: string; id: string }
  | { type: 'typing'; channelId: string; user: APIUser }
  | { type: 'interaction'; interaction: InteractionState }
  | { type: 'modal'; interactionId: string; modal: APIModalInteractionResponseCallbackData }
  | { type: 'choices'; interactionId: string; choices: APIApplicationCommandOptionChoice[] }
  | { type: 'done'; request: number; result: unknown }
  | { type: 'refused'; request: number; reason: string };

export type OptionValue = string | number | boolean;

/** What a person does; the answer is `done` or `refused` with the same `request`. */
export type PageAction =
  | { type: 'send'; channelId: string; content: string; attachmentIds: string[]; replyTo?: string }
  | { type: 'command'; channelId: string; commandId: string; path: string[]; values: Record<string, OptionValue> }
  | {
      type: 'autocomplete';
      channelId: string;
      commandId: string;
      path: string[];
      values: Record<string, OptionValue>;
      focused: string;
    }
  | { type: 'component'; messageId: string; customId: string; values?: string[] }
  | { type: 'modal-submit'; interactionId: string; values: Record<string, string> }
  | { type: 'react'; messageId: string; emoji: string }
  | { type: 'unreact'; messageId: string; emoji: string }
  | { type: 'delete'; messageId: string }
  | { type: 'dismiss'; messageId: string }
  | { type: 'typing'; channelId: string };
