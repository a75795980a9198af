import type { APIMessage, APIUser } from 'discord-api-types/v10';
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { InteractionState, PageChannel } from '../page-protocol.ts';
import { avatar, displayName } from './avatar.ts';
import { appTag, chatMessage, type MessageContext } from './chat-message.ts';
import { icons } from './icons.ts';
import { dayName, isSameDay } from './times.ts';

const GROUP_WITHIN = 7 * 60_000;

export interface ListContext extends MessageContext {
  channel: PageChannel;
  bot: APIUser;
  forget(interaction: InteractionState): void;
  /** Puts a first command into the message box. */
  tryOut(command: string): void;
}

/** The messages of the open channel, and commands on their way at the end. */
export function messageList(messages: readonly APIMessage[], context: ListContext): TemplateResult {
  const commands = context.interactions.filter(({ commandName, messageId }) => commandName && !messageId);
  return html`
    ${welcome(messages.length === 0 && commands.length === 0, context)}
    <ol class="message-list">
      ${repeat(
        messages,
        ({ id }) => id,
        (message, i) => {
          const previous = messages[i - 1];
          const newDay = !previous || !isSameDay(new Date(previous.timestamp), new Date(message.timestamp));
          return html`${newDay ? dayDivider(message) : nothing}
          ${chatMessage(message, !newDay && continues(previous!, message), context)}`;
        },
      )}
      ${commands.map((interaction) => commandOnItsWay(interaction, context))}
    </ol>`;
}

const dayDivider = ({ timestamp }: APIMessage) =>
  html`<li class="day"><span>${dayName(new Date(timestamp))}</span></li>`;

function continues(previous: APIMessage, message: APIMessage): boolean {
  const apart = Date.parse(message.timestamp) - Date.parse(previous.timestamp);
  const startsAnew = message.interaction ?? message.message_reference;
  const sameVisibility = ((previous.flags ?? 0) & 64) === ((message.flags ?? 0) & 64);
  return previous.author.id === message.author.id && apart < GROUP_WITHIN && !startsAnew && sameVisibility;
}

function welcome(empty: boolean, { channel, tryOut }: ListContext) {
  const imagine = channel.commands.find(({ name }) => name === 'imagine') ?? channel.commands[0];
  const example = imagine?.name === 'imagine' ? '/imagine prompt: red heart' : `/${imagine?.name}`;
  const hint = imagine
    ? html`<p>Type <kbd>/</kbd> for the commands, or try this one:</p>
        <button type="button" class="button primary" @click=${() => tryOut(example)}>${example}</button>`
    : channel.kind === 'direct' && !channel.recipient?.bot
      ? html`<p>No command works here. Write something!</p>`
      : html`<p>No commands yet: they appear here when the bot has registered them.</p>`;
  return html`<header class="welcome">
    ${channel.recipient ? avatar(channel.recipient, 68) : html`<span class="welcome-icon">${icons.hash}</span>`}
    <h2>${channel.kind === 'text' ? `Welcome to #${channel.name}!` : channel.name}</h2>
    <p>${channel.kind === 'text' ? `This is the start of the #${channel.name} channel.` : `This is the beginning of your direct messages with ${channel.name}.`}</p>
    ${empty ? hint : nothing}
  </header>`;
}

function commandOnItsWay(interaction: InteractionState, { user, bot, forget }: ListContext) {
  const { state, commandName } = interaction;
  return html`<li class="message pending">
    <article aria-label="Command on its way">
      <p class="origin">${avatar(user, 16)}<span class="name">${displayName(user)}</span> used <span class="command-name">/${commandName}</span></p>
      <div class="gutter">${avatar(bot)}</div>
      <div class="body">
        <p class="author"><span class="name">${displayName(bot)}</span>${appTag(bot)}</p>
        ${
          state === 'failed'
            ? html`<p class="failure" role="alert">${icons.alert} The application did not respond</p>
              <p class="only-you">${icons.eye} Only you can see this ·
                <button type="button" class="link" @click=${() => forget(interaction)}>Dismiss message</button></p>`
            : html`<p class="thinking"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> Sending command…</p>`
        }
      </div>
    </article>
  </li>`;
}
