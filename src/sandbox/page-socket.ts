import type { WebSocket } from 'ws';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { ApiError } from './api-error.ts';
import type { PageAction, PageUpdate } from './page-protocol.ts';
import type { Person } from './people.ts';

const Id = z.string().regex(/^\d+$/);
const Values = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const Path = z.array(z.string()).max(2);

const Action = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('send'),
    channelId: Id,
    content: z.string(),
    attachmentIds: z.array(Id).max(10),
    replyTo: Id.optional(),
  }),
  z.object({ type: z.literal('command'), channelId: Id, commandId: Id, path: Path, values: Values }),
  z.object({
    type: z.literal('autocomplete'),
    channelId: Id,
    commandId: Id,
    path: Path,
    values: Values,
    focused: z.string(),
  }),
  z.object({
    type: z.literal('component'),
    messageId: Id,
    customId: z.string(),
    values: z.array(z.string()).optional(),
  }),
  z.object({ type: z.literal('modal-submit'), interactionId: Id, values: z.record(z.string(), z.string()) }),
  z.object({ type: z.literal('react'), messageId: Id, emoji: z.string().min(1).max(32) }),
  z.object({ type: z.literal('unreact'), messageId: Id, emoji: z.string().min(1).max(32) }),
  z.object({ type: z.literal('delete'), messageId: Id }),
  z.object({ type: z.literal('dismiss'), messageId: Id }),
  z.object({ type: z.literal('typing'), channelId: Id }),
]);
const Request = z.object({ request: z.number(), action: Action });

/** Connects one open page to the person who uses it: updates out, actions in. */
export function servePage(socket: WebSocket, person: Person, ready: PageUpdate): void {
  const send = (update: PageUpdate) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(update));
  socket.on('close', person.listen(send));
  socket.on('error', () => socket.terminate());
  socket.on('message', async (data) => {
    const parsed = Request.safeParse(parseJson(String(data)));
    if (!parsed.success) return socket.close(1007, 'Not an action of the page');
    const { request, action } = parsed.data;
    try {
      send({ type: 'done', request, result: await act(person, action as PageAction) });
    } catch (error) {
      if (!(error instanceof InputError || error instanceof ApiError)) throw error;
      send({ type: 'refused', request, reason: error.message });
    }
  });
  send(ready);
}

function act(person: Person, action: PageAction): unknown {
  switch (action.type) {
    case 'send':
      return person.send(action);
    case 'command':
      return person.command(action);
    case 'autocomplete':
      return person.autocomplete(action);
    case 'component':
      return person.component(action);
    case 'modal-submit':
      return person.submitModal(action);
    case 'react':
      return person.react(action);
    case 'unreact':
      return person.unreact(action);
    case 'delete':
      return person.delete(action);
    case 'dismiss':
      return person.dismiss(action);
    case 'typing':
      return person.typing(action);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
