import type {
  APIApplicationCommandOptionChoice,
  APIMessage,
  APIModalInteractionResponseCallbackData,
  APIUser,
} from 'discord-api-types/v10';
import type { InteractionState, PageChannel, PageUpdate } from '../page-protocol.ts';

/** All that the page shows. */
export interface ChatState {
  user: APIUser;
  people: readonly APIUser[];
  bot: APIUser;
  botOnline: boolean;
  channels: PageChannel[];
  channelId: string;
  /** Oldest first, of all channels. */
  messages: APIMessage[];
  /** Sent or failed, by id. */
  interactions: ReadonlyMap<string, InteractionState>;
  /** Who writes where, until when. */
  typing: readonly { channelId: string; user: APIUser; until: number }[];
  unread: ReadonlySet<string>;
  modal?: { interactionId: string; modal: APIModalInteractionResponseCallbackData } | undefined;
  choices?: { interactionId: string; choices: APIApplicationCommandOptionChoice[] };
}

const TYPING_SHOWN = 10_000;

/** The state after an update. @param now milliseconds since 1970 */
export function apply(state: ChatState | undefined, update: PageUpdate, now: number): ChatState | undefined {
  if (update.type === 'ready') {
    const channelId = update.channels.find(({ id }) => id === state?.channelId)?.id ?? update.channels[0]!.id;
    const { type: _, ...fresh } = update;
    return { ...fresh, channelId, interactions: new Map(), typing: [], unread: new Set() };
  }
  if (!state) return undefined;
  switch (update.type) {
    case 'channels':
      return { ...state, channels: update.channels };
    case 'bot':
      return { ...state, botOnline: update.online };
    case 'message':
      return withMessage(state, update.message);
    case 'message-deleted':
      return { ...state, messages: state.messages.filter(({ id }) => id !== update.id) };
    case 'typing': {
      const others = state.typing.filter(({ user }) => user.id !== update.user.id);
      return {
        ...state,
        typing: [...others, { channelId: update.channelId, user: update.user, until: now + TYPING_SHOWN }],
      };
    }
    case 'interaction':
      return { ...state, interactions: withInteraction(state.interactions, update.interaction) };
    case 'modal':
      return { ...state, modal: { interactionId: update.interactionId, modal: update.modal } };
    case 'choices':
      return { ...state, choices: { interactionId: update.interactionId, choices: update.choices } };
    default:
      return state;
  }
}

function withMessage(state: ChatState, message: APIMessage): ChatState {
  const known = state.messages.some(({ id }) => id === message.id);
  if (known) return { ...state, messages: state.messages.map((old) => (old.id === message.id ? message : old)) };
  const typing = state.typing.filter(({ user }) => user.id !== message.author.id);
  const unread =
    message.channel_id === state.channelId || message.author.id === state.user.id
      ? state.unread
      : new Set([...state.unread, message.channel_id]);
  return { ...state, messages: [...state.messages, message], typing, unread };
}

function withInteraction(old: ChatState['interactions'], interaction: InteractionState): ChatState['interactions'] {
  const interactions = new Map(old);
  // A new attempt takes the place of a failed one on the same message.
  for (const [id, { messageId, state }] of old) {
    if (state === 'failed' && messageId && messageId === interaction.messageId) interactions.delete(id);
  }
  if (interaction.state === 'acknowledged') interactions.delete(interaction.id);
  else interactions.set(interaction.id, interaction);
  return interactions;
}

export const openChannel = (state: ChatState, channelId: string): ChatState => ({
  ...state,
  channelId,
  unread: new Set([...state.unread].filter((id) => id !== channelId)),
});

export const withoutInteraction = (state: ChatState, id: string): ChatState => ({
  ...state,
  interactions: new Map([...state.interactions].filter(([key]) => key !== id)),
});
