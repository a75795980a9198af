import * as spec from 'discord-api-spec/zod';
import {
  type APIInteractionResponse,
  MessageFlags,
  InteractionResponseType as ResponseType,
} from 'discord-api-types/v10';
import { z } from 'zod/mini';
import type { Interactions } from '../interactions.ts';
import type { MessageBody } from '../message-body.ts';
import type { Messages, StoredMessage } from '../messages.ts';
import { APPLICATION_ID } from '../world.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { LIMITS } from './rate-limits.ts';

const CallbackRequest = z.union([
  spec.PongInteractionCallbackRequestSchema,
  spec.CreateMessageInteractionCallbackRequestSchema,
  spec.UpdateMessageInteractionCallbackRequestSchema,
  spec.ApplicationCommandAutocompleteCallbackRequestSchema,
  spec.ModalInteractionCallbackRequestSchema,
]);

/** Answers to interactions, and the webhook that an interaction's token is for 15 minutes. */
export function interactionEndpoints(interactions: Interactions, messages: Messages): Endpoint[] {
  const answer = (message: StoredMessage) => messages.seenBy(APPLICATION_ID, message);
  const interactionOf = ({ params }: Call<unknown>) => interactions.byToken(params.application!, params.token!);
  const messageOf = (call: Call<unknown>) => interactions.messageOf(interactionOf(call), call.params.message!);
  const webhook = { tokenInPath: true, limitedBy: ['token'] } as const;
  const path = '/webhooks/:application/:token/messages/:message';

  const callback: Endpoint<APIInteractionResponse> = {
    method: 'POST',
    path: '/interactions/:interaction/:token/callback',
    tokenInPath: true,
    request: CallbackRequest,
    response: spec.InteractionCallbackResponseSchema,
    async handle({ params, query, body, uploads }) {
      const { interaction, message } = await interactions.acknowledge(
        params.interaction!,
        params.token!,
        body,
        uploads,
      );
      if (query.with_response !== 'true') return undefined;
      const { id, type, channelId } = interaction;
      const onSource = body.type === ResponseType.UpdateMessage || body.type === ResponseType.DeferredMessageUpdate;
      return {
        interaction: {
          id,
          type,
          channel_id: channelId,
          ...(message && {
            response_message_id: message.id,
            response_message_loading: Boolean(message.flags & MessageFlags.Loading),
            response_message_ephemeral: message.onlyFor !== undefined,
          }),
        },
        ...(message && { resource: { type: onSource ? 7 : 4, message: answer(message) } }),
      };
    },
  };
  const followUp: Endpoint<MessageBody> = {
    method: 'POST',
    path: '/webhooks/:application/:token',
    ...webhook,
    limit: LIMITS.webhook,
    request: spec.IncomingWebhookRequestPartialSchema,
    response: spec.MessageResponseSchema,
    handle: async (call) => answer(await interactions.followUp(interactionOf(call), call.body, call.uploads)),
  };
  const get: Endpoint = {
    method: 'GET',
    path,
    ...webhook,
    response: spec.MessageResponseSchema,
    handle: (call) => answer(messageOf(call)),
  };
  const edit: Endpoint<MessageBody> = {
    method: 'PATCH',
    path,
    ...webhook,
    limit: LIMITS.editMessage,
    request: spec.IncomingWebhookUpdateRequestPartialSchema,
    response: spec.MessageResponseSchema,
    handle: async (call) => answer(await messages.edit(messageOf(call), call.body, call.uploads)),
  };
  const remove: Endpoint = {
    method: 'DELETE',
    path,
    ...webhook,
    limit: LIMITS.deleteMessage,
    handle: (call) => messages.delete(messageOf(call)),
  };
  return [callback, followUp, get, edit, remove] as Endpoint[];
}
