import { randomBytes } from 'node:crypto';
import {
  type APIApplicationCommandOptionChoice,
  type APIInteractionResponse,
  type APIMessageInteraction,
  type APIMessageInteractionMetadata,
  type APIModalInteractionResponseCallbackData,
  RESTJSONErrorCodes as Code,
  InteractionType,
  MessageFlags,
  MessageType,
  InteractionResponseType as ResponseType,
} from 'discord-api-types/v10';
import { ApiError, invalidForm, unknownInteraction, unknownMessage } from './api-error.ts';
import type { Upload } from './attachments.ts';
import type { Clock } from './clock.ts';
import type { Events } from './events.ts';
import type { Journal } from './journal.ts';
import type { MessageBody } from './message-body.ts';
import type { Messages, NewMessage, StoredMessage } from './messages.ts';
import type { InteractionState } from './page-protocol.ts';
import type { Snowflakes } from './snowflakes.ts';
import { APPLICATION_ID, findUser } from './world.ts';

const ACKNOWLEDGE_WITHIN = 3_000;
const TOKEN_LIFE = 15 * 60_000;

export interface Interaction {
  id: string;
  token: string;
  type: InteractionType;
  createdAt: number;
  userId: string;
  channelId: string;
  owners: Record<string, string>;
  /** Of a command. */
  commandName?: string;
  /** Of a button or menu: the message it's on. */
  messageId?: string;
  customId?: string;
  acknowledged: boolean;
  /** What `@original` stands for. */
  originalId?: string;
  /** The form that the bot answered with. */
  modal?: APIModalInteractionResponseCallbackData;
}

/** Parsed, but not yet told apart by its type. */
type Callback = APIInteractionResponse & { data?: unknown };

const ALLOWED: Record<InteractionType, readonly ResponseType[]> = {
  [InteractionType.Ping]: [],
  [InteractionType.ApplicationCommand]: [
    ResponseType.ChannelMessageWithSource,
    ResponseType.DeferredChannelMessageWithSource,
    ResponseType.Modal,
  ],
  [InteractionType.MessageComponent]: [
    ResponseType.ChannelMessageWithSource,
    ResponseType.DeferredChannelMessageWithSource,
    ResponseType.DeferredMessageUpdate,
    ResponseType.UpdateMessage,
    ResponseType.Modal,
  ],
  [InteractionType.ApplicationCommandAutocomplete]: [ResponseType.ApplicationCommandAutocompleteResult],
  [InteractionType.ModalSubmit]: [
    ResponseType.ChannelMessageWithSource,
    ResponseType.DeferredChannelMessageWithSource,
    ResponseType.DeferredMessageUpdate,
    ResponseType.UpdateMessage,
  ],
};

/** Interactions from the moment a person starts one until their token dies: 3 s to acknowledge, then 15 minutes. */
export class Interactions {
  readonly #journal: Journal;
  readonly #messages: Messages;
  readonly #clock: Clock;
  readonly #ids: Snowflakes;
  readonly #events: Events;

  constructor(journal: Journal, messages: Messages, clock: Clock, ids: Snowflakes, events: Events) {
    this.#journal = journal;
    this.#messages = messages;
    this.#clock = clock;
    this.#ids = ids;
    this.#events = events;
  }

  /** Starts the three seconds; the caller then tells the bot. */
  begin(
    start: Pick<Interaction, 'type' | 'userId' | 'channelId' | 'owners'> &
      Partial<Pick<Interaction, 'commandName' | 'messageId' | 'customId'>>,
  ): Interaction {
    this.#forgetDead();
    const interaction: Interaction = {
      ...start,
      id: this.#ids.next(),
      token: randomBytes(72).toString('base64url'),
      createdAt: this.#clock.now(),
      acknowledged: false,
    };
    this.#save(interaction);
    this.#show(interaction, 'sent');
    this.#clock.setTimeout(() => {
      const current = this.#journal.records.get(key(interaction)) as Interaction | undefined;
      if (current && !current.acknowledged) this.#show(interaction, 'failed');
    }, ACKNOWLEDGE_WITHIN);
    return interaction;
  }

  /**
   * The bot's first answer. Returns the message that it made or changed, if any.
   * Throws 10062 after three seconds or for a wrong token, 40060 the second time.
   */
  async acknowledge(id: string, token: string, callback: Callback, uploads: readonly Upload[]) {
    const interaction = this.#journal.records.get(`interaction/${id}`) as Interaction | undefined;
    if (!interaction || interaction.token !== token) throw unknownInteraction();
    if (interaction.acknowledged) {
      throw new ApiError(400, Code.InteractionHasAlreadyBeenAcknowledged, 'Interaction has already been acknowledged.');
    }
    if (this.#age(interaction) > ACKNOWLEDGE_WITHIN) throw unknownInteraction();
    this.#checkType(interaction, callback.type);
    // Taken before the first await, so that of two answers at once the second is the double one.
    this.#save({ ...interaction, acknowledged: true });
    try {
      const message = await this.#carryOut(interaction, callback, uploads);
      const modal = callback.type === ResponseType.Modal ? callback.data : undefined;
      const outcome = { ...(message && { originalId: message.id }), ...(modal && { modal }) };
      this.#save({ ...interaction, acknowledged: true, ...outcome });
      this.#show(interaction, 'acknowledged');
      return { interaction, message };
    } catch (error) {
      this.#save(interaction);
      throw error;
    }
  }

  /** A live, acknowledged interaction. Throws 50027 for a dead token, 10015 before it was acknowledged. */
  byToken(applicationId: string, token: string): Interaction {
    const unknown = new ApiError(404, Code.UnknownWebhook, 'Unknown Webhook');
    if (applicationId !== APPLICATION_ID) throw unknown;
    const known = [...this.#journal.values<Interaction>('interaction/')].find((known) => known.token === token);
    if (!known || this.#age(known) > TOKEN_LIFE) {
      throw new ApiError(401, Code.InvalidWebhookToken, 'Invalid Webhook Token');
    }
    if (!known.acknowledged) throw unknown;
    return known;
  }

  /** The message that `@original` or an id means to this interaction. Throws 10008 where it may not touch it. */
  messageOf(interaction: Interaction, id: string): StoredMessage {
    const wanted = id === '@original' ? interaction.originalId : id;
    if (!wanted) throw unknownMessage();
    const message = this.#messages.get(wanted, interaction.channelId);
    const isOwn = message.interaction?.metadata.id === interaction.id || wanted === interaction.messageId;
    if (!isOwn) throw unknownMessage();
    return message;
  }

  /** One more message; after a deferral the first one takes the place of “… is thinking”. */
  async followUp(interaction: Interaction, body: MessageBody, uploads: readonly Upload[]): Promise<StoredMessage> {
    const original = interaction.originalId && this.#messages.find(interaction.originalId);
    if (original && original.flags & MessageFlags.Loading) return this.#messages.edit(original, body, uploads);
    const reference = interaction.originalId;
    return this.#messages.create(this.#start(interaction, body, reference), body, uploads);
  }

  async #carryOut(interaction: Interaction, callback: Callback, uploads: readonly Upload[]) {
    switch (callback.type) {
      case ResponseType.ChannelMessageWithSource: {
        const body = (callback.data ?? {}) as MessageBody;
        return this.#messages.create(this.#start(interaction, body), body, uploads);
      }
      case ResponseType.DeferredChannelMessageWithSource:
        return this.#messages.createLoading(this.#start(interaction, (callback.data ?? {}) as MessageBody));
      case ResponseType.DeferredMessageUpdate:
        return this.#messages.get(interaction.messageId!);
      case ResponseType.UpdateMessage: {
        const source = this.#messages.get(interaction.messageId!);
        return this.#messages.edit(source, (callback.data ?? {}) as MessageBody, uploads);
      }
      case ResponseType.Modal: {
        const modal = callback.data as APIModalInteractionResponseCallbackData;
        this.#events.emit('people', [interaction.userId], { type: 'modal', interactionId: interaction.id, modal });
        return undefined;
      }
      case ResponseType.ApplicationCommandAutocompleteResult: {
        const { choices } = (callback.data ?? {}) as { choices?: (APIApplicationCommandOptionChoice | null)[] };
        this.#events.emit('people', [interaction.userId], {
          type: 'choices',
          interactionId: interaction.id,
          choices: (choices ?? []).filter((choice) => choice !== null),
        });
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #checkType(interaction: Interaction, type: ResponseType): void {
    const onMessage = type === ResponseType.UpdateMessage || type === ResponseType.DeferredMessageUpdate;
    const allowed = ALLOWED[interaction.type].includes(type) && (!onMessage || interaction.messageId);
    if (allowed) return;
    const message = `Value must be one of {${ALLOWED[interaction.type].join(', ')}} for this kind of interaction.`;
    throw invalidForm([{ path: ['type'], code: 'BASE_TYPE_CHOICES', message }]);
  }

  #start(interaction: Interaction, body: MessageBody, reference = interaction.messageId): NewMessage {
    const ephemeral = (body.flags ?? 0) & MessageFlags.Ephemeral;
    const isCommand = interaction.type === InteractionType.ApplicationCommand && !interaction.originalId;
    return {
      channelId: interaction.channelId,
      authorId: APPLICATION_ID,
      type: isCommand ? MessageType.ChatInputCommand : reference ? MessageType.Reply : MessageType.Default,
      ...(ephemeral && { onlyFor: interaction.userId }),
      ...(reference && { referenceId: reference }),
      interaction: describe(interaction),
    };
  }

  #forgetDead(): void {
    for (const interaction of [...this.#journal.values<Interaction>('interaction/')]) {
      if (this.#age(interaction) > TOKEN_LIFE) this.#journal.delete(key(interaction));
    }
  }

  #age(interaction: Interaction): number {
    return this.#clock.now() - interaction.createdAt;
  }

  #save(interaction: Interaction): void {
    this.#journal.put(key(interaction), interaction);
  }

  #show(interaction: Interaction, state: InteractionState['state']): void {
    if (interaction.type === InteractionType.ApplicationCommandAutocomplete) return;
    const { id, channelId, commandName, messageId, customId } = interaction;
    const shown: InteractionState = {
      id,
      state,
      channelId,
      ...(commandName && { commandName }),
      ...(messageId && { messageId }),
      ...(customId && { customId }),
    };
    this.#events.emit('people', [interaction.userId], { type: 'interaction', interaction: shown });
  }
}

const key = ({ id }: Interaction) => `interaction/${id}`;

/** How messages tell where they come from. */
function describe(interaction: Interaction): {
  metadata: APIMessageInteractionMetadata;
  summary?: APIMessageInteraction;
} {
  const user = findUser(interaction.userId)!;
  const { id, type, owners, commandName, messageId } = interaction;
  const metadata = {
    id,
    type,
    user,
    authorizing_integration_owners: owners,
    ...(type === InteractionType.MessageComponent && { interacted_message_id: messageId }),
    ...(type === InteractionType.ModalSubmit && {
      triggering_interaction_metadata: {
        id,
        type: InteractionType.ApplicationCommand,
        user,
        authorizing_integration_owners: owners,
      },
    }),
  } as APIMessageInteractionMetadata;
  if (type !== InteractionType.ApplicationCommand || !commandName) return { metadata };
  return { metadata, summary: { id, type, name: commandName, user } };
}
