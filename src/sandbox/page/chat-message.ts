import { type APIMessage, type APIUser, MessageFlags } from 'discord-api-types/v10';
import { html, nothing, type TemplateResult } from 'lit';
import type { InteractionState } from '../page-protocol.ts';
import { avatar, displayName } from './avatar.ts';
import { EMOJI, emojiName } from './emoji.ts';
import { attachmentList } from './gallery.ts';
import { icons } from './icons.ts';
import { markdown, plainText } from './markdown.ts';
import { componentPart, embedPart } from './message-parts.ts';
import { clockTime, fullTime, shortTime } from './times.ts';

/** What a message needs to know, and what can be done with it. */
export interface MessageContext {
  user: APIUser;
  people: readonly APIUser[];
  interactions: readonly InteractionState[];
  /** The message whose emoji picker is open. */
  pickerFor: string | undefined;
  /** The message whose actions were asked for by touch. */
  actionsFor: string | undefined;
  use(messageId: string, customId: string, values?: string[]): void;
  toggleReaction(message: APIMessage, emoji: string): void;
  togglePicker(messageId: string): void;
  showActions(messageId: string): void;
  reply(message: APIMessage): void;
  remove(message: APIMessage): void;
  dismiss(message: APIMessage): void;
}

const hasFlag = (message: APIMessage, flag: MessageFlags) => Boolean((message.flags ?? 0) & flag);

/** @param grouped directly after another message of the same author: without avatar and name */
export function chatMessage(message: APIMessage, grouped: boolean, context: MessageContext): TemplateResult {
  const { author, id } = message;
  const date = new Date(message.timestamp);
  const mentioned = message.mentions.some(({ id }) => id === context.user.id);
  const ephemeral = hasFlag(message, MessageFlags.Ephemeral);
  const classes = ['message', grouped && 'grouped', ephemeral && 'ephemeral', mentioned && 'mentioned'];
  const time = html`<time datetime=${message.timestamp} title=${fullTime(date)}>${grouped ? clockTime(date) : shortTime(date)}</time>`;
  return html`<li id="message-${id}" class=${classes.filter(Boolean).join(' ')}>
    <article aria-label="${displayName(author)}, ${shortTime(date)}">
      ${origin(message, context.people)}
      <div class="gutter">${grouped ? time : avatar(author)}</div>
      <div class="body">
        ${grouped ? nothing : html`<p class="author"><span class="name">${displayName(author)}</span>${appTag(author)}${time}</p>`}
        ${content(message, context)}
        ${reactions(message, context)}
        ${ephemeral ? onlyYou(message, context) : nothing}
        ${failure(message, context)}
      </div>
      ${ephemeral ? nothing : toolbar(message, context)}
    </article>
  </li>`;
}

export const appTag = (user: APIUser) => (user.bot ? html`<span class="app-tag">APP</span>` : nothing);

/** What the message answers: a command, or another message. */
function origin(message: APIMessage, people: readonly APIUser[]): TemplateResult | typeof nothing {
  const command = message.interaction;
  if (command) {
    return html`<p class="origin">${avatar(command.user, 16)}<span class="name">${displayName(command.user)}</span>
      used <span class="command-name">/${command.name}</span></p>`;
  }
  if (!message.message_reference) return nothing;
  const original = message.referenced_message;
  if (!original) return html`<p class="origin"><em>Original message was deleted</em></p>`;
  const text =
    plainText(original.content, people) ||
    (original.attachments.length > 0 ? 'Click to see attachment' : 'Click to see message');
  return html`<p class="origin">${avatar(original.author, 16)}<span class="name">${displayName(original.author)}</span>
    <a href="#message-${original.id}" class="excerpt" @click=${jump}>${text}</a></p>`;
}

function jump(event: Event): void {
  event.preventDefault();
  const target = document.querySelector(new URL((event.currentTarget as HTMLAnchorElement).href).hash);
  target?.scrollIntoView({ block: 'center' });
  target?.classList.add('found');
  setTimeout(() => target?.classList.remove('found'), 1500);
}

function content(message: APIMessage, context: MessageContext) {
  if (hasFlag(message, MessageFlags.Loading)) {
    return html`<p class="thinking"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> ${displayName(message.author)} is thinking…</p>`;
  }
  const { people } = context;
  const waiting = context.interactions.filter(({ state, messageId }) => state === 'sent' && messageId === message.id);
  const parts = {
    people,
    waiting: new Set(waiting.map(({ customId }) => customId ?? '')),
    use: (customId: string, values?: string[]) => context.use(message.id, customId, values),
  };
  const edited = message.edited_timestamp
    ? html` <small class="edited" title=${fullTime(new Date(message.edited_timestamp))}>(edited)</small>`
    : nothing;
  return html`
    ${message.content ? html`<div class="text">${markdown(message.content, people)}${edited}</div>` : nothing}
    ${message.embeds.map((embed) => embedPart(embed, people))}
    ${attachmentList(message.attachments)}
    ${message.components?.map((part) => componentPart(part, parts))}`;
}

function reactions(message: APIMessage, context: MessageContext) {
  if (!message.reactions?.length) return nothing;
  return html`<div class="reactions" role="group" aria-label="Reactions">
    ${message.reactions.map(({ emoji, count, me }) => {
      const name = emoji.name ?? '';
      return html`<button type="button" class="reaction ${me ? 'mine' : ''}" aria-pressed=${me}
        aria-label="${emojiName(name)}, ${count} ${count === 1 ? 'reaction' : 'reactions'}"
        @click=${() => context.toggleReaction(message, name)}><span class="emoji">${name}</span>${count}</button>`;
    })}
  </div>`;
}

function onlyYou(message: APIMessage, context: MessageContext) {
  return html`<p class="only-you">${icons.eye} Only you can see this ·
    <button type="button" class="link" @click=${() => context.dismiss(message)}>Dismiss message</button></p>`;
}

function failure(message: APIMessage, { interactions }: MessageContext) {
  const failed = interactions.some(({ state, messageId }) => state === 'failed' && messageId === message.id);
  return failed ? html`<p class="failure" role="alert">${icons.alert} This interaction failed</p>` : nothing;
}

function toolbar(message: APIMessage, context: MessageContext) {
  const open = context.pickerFor === message.id;
  const own = message.author.id === context.user.id;
  const shown = open || context.actionsFor === message.id;
  return html`<div class="toolbar ${shown ? 'shown' : ''}" role="group" aria-label="Message actions">
    <button type="button" class="more" aria-label="Message actions" @click=${() => context.showActions(message.id)}>${icons.more}</button>
    <button type="button" aria-label="Add reaction" title="Add reaction" aria-expanded=${open} data-picker=${message.id}
      @click=${() => context.togglePicker(message.id)}>${icons.smile}</button>
    <button type="button" aria-label="Reply" title="Reply" @click=${() => context.reply(message)}>${icons.reply}</button>
    ${
      own
        ? html`<button type="button" class="dangerous" aria-label="Delete message" title="Delete message"
          @click=${() => context.remove(message)}>${icons.trash}</button>`
        : nothing
    }
    ${open ? picker(message, context) : nothing}
  </div>`;
}

function picker(message: APIMessage, context: MessageContext) {
  return html`<div class="picker" role="dialog" aria-label="Choose a reaction" @keydown=${moveInGrid}>
    ${[...EMOJI].map(
      ([emoji, name]) => html`<button type="button" aria-label=${name} title=${name}
        @click=${() => {
          context.toggleReaction(message, emoji);
          context.togglePicker(message.id);
        }}>${emoji}</button>`,
    )}
  </div>`;
}

const PICKER_COLUMNS = 5;

function moveInGrid(event: KeyboardEvent): void {
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: PICKER_COLUMNS, ArrowUp: -PICKER_COLUMNS }[event.key];
  if (!by) return;
  const buttons = [...(event.currentTarget as HTMLElement).querySelectorAll('button')];
  const target = buttons[buttons.indexOf(event.target as HTMLButtonElement) + by];
  target?.focus();
  event.preventDefault();
}
