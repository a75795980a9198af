import type { APIMessage } from 'discord-api-types/v10';
import { html, LitElement, nothing } from 'lit';
import { avatar, displayName } from './avatar.ts';
import { appTag } from './chat-message.ts';
import { apply, type ChatState, openChannel, withoutInteraction } from './chat-state.ts';
import { Connection } from './connection.ts';
import type { OpenPictures } from './gallery.ts';
import { type Host, upload } from './host.ts';
import { icons } from './icons.ts';
import './message-box.ts';
import type { MessageBox } from './message-box.ts';
import { type ListContext, messageList } from './message-list.ts';
import './modal-form.ts';
import './picture-viewer.ts';
import type { PictureViewer } from './picture-viewer.ts';

const USER_KEY = 'user';
/** So near to the end counts as reading the newest. */
const AT_END = 60;
const MAX_NOTICE = 6_000;

/** The whole page: channels, messages, message box. */
export class DiscordApp extends LitElement {
  static override properties = {
    state: { state: true },
    connected: { state: true },
    menuOpen: { state: true },
    pickerFor: { state: true },
    actionsFor: { state: true },
    replyTo: { state: true },
    atEnd: { state: true },
    missed: { state: true },
    dropping: { state: true },
    notice: { state: true },
  };
  declare state: ChatState | undefined;
  declare connected: boolean;
  declare menuOpen: boolean;
  declare pickerFor: string | undefined;
  declare actionsFor: string | undefined;
  declare replyTo: APIMessage | undefined;
  declare atEnd: boolean;
  /** Messages that came while older ones were read. */
  declare missed: number;
  declare dropping: boolean;
  declare notice: string;
  #connection: Connection | undefined;
  #host: Host | undefined;
  #observed: HTMLElement | null = null;
  #scrolledTo = 0;
  /** The newest stays in view when pictures load, the message box grows or a phone shows its keyboard. */
  readonly #sizes = new ResizeObserver(() => this.atEnd && this.#toEnd());

  constructor() {
    super();
    this.connected = false;
    this.menuOpen = false;
    this.atEnd = true;
    this.missed = 0;
    this.dropping = false;
    this.notice = '';
  }

  override createRenderRoot() {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#connect(sessionStorage.getItem(USER_KEY) ?? '');
    setInterval(() => this.requestUpdate(), 2_000); // "is typing" ends by time alone
    addEventListener('keydown', (event) => this.#onKey(event));
    addEventListener('pointerdown', (event) => this.#closePicker(event));
  }

  #connect(userId: string): void {
    this.#connection?.close();
    this.state = undefined;
    const connection = new Connection(
      userId,
      (update) => {
        const before = this.state;
        this.state = apply(before, update, Date.now());
        const isNew = update.type === 'message' && !before?.messages.some(({ id }) => id === update.message.id);
        const here = update.type === 'message' && update.message.channel_id === before?.channelId;
        if (isNew && here && update.message.author.id === before?.user.id) this.atEnd = true;
        else if (isNew && here && !this.atEnd) this.missed += 1;
        if (update.type === 'interaction' && update.interaction.commandName) this.atEnd = true;
      },
      (connected) => {
        this.connected = connected;
      },
    );
    this.#connection = connection;
    this.#host = {
      act: (action) => connection.act(action),
      upload: (file, channelId) => upload(file, channelId, this.state!.user.id),
    };
  }

  #switchTo(userId: string): void {
    sessionStorage.setItem(USER_KEY, userId);
    this.replyTo = undefined;
    this.menuOpen = false;
    this.atEnd = true;
    this.#connect(userId);
  }

  #openChannel(id: string): void {
    this.state = this.state && openChannel(this.state, id);
    this.menuOpen = false;
    this.replyTo = undefined;
    this.atEnd = true;
    this.missed = 0;
  }

  get #box(): MessageBox {
    return this.querySelector('message-box')!;
  }

  get #scroller(): HTMLElement | null {
    return this.querySelector('.messages');
  }

  #toEnd(): void {
    const scroller = this.#scroller;
    if (scroller) scroller.scrollTop = scroller.scrollHeight;
  }

  #onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller!;
    const near = scrollHeight - scrollTop - clientHeight < AT_END;
    // Content that grows moves things too; only who scrolls up leaves the end.
    if (near || scrollTop < this.#scrolledTo) this.atEnd = near;
    if (near) this.missed = 0;
    this.#scrolledTo = scrollTop;
  }

  override updated(): void {
    this.#observe(this.#scroller);
    if (this.atEnd) this.#toEnd();
    document.title = this.state
      ? `${this.state.unread.size > 0 ? '● ' : ''}${this.#channel!.name} | Local Discord`
      : 'Local Discord';
  }

  #observe(scroller: HTMLElement | null): void {
    if (scroller === this.#observed) return;
    this.#sizes.disconnect();
    this.#observed = scroller;
    for (const element of scroller ? [scroller, ...scroller.children] : []) this.#sizes.observe(element);
  }

  get #channel() {
    return this.state?.channels.find(({ id }) => id === this.state?.channelId);
  }

  /** Typing anywhere goes to the message box; Escape closes what is open. */
  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') {
      if (this.pickerFor) this.#togglePicker(this.pickerFor);
      else if (this.menuOpen) this.menuOpen = false;
      return;
    }
    const plain = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
    const free = document.activeElement === document.body || document.activeElement === this.#scroller;
    if (plain && free) this.#box?.querySelector('textarea')?.focus();
  }

  #closePicker(event: PointerEvent): void {
    if ((event.target as Element).closest('.toolbar')) return;
    this.pickerFor = undefined;
    this.actionsFor = undefined;
  }

  #togglePicker(messageId: string): void {
    const closing = this.pickerFor === messageId;
    this.pickerFor = closing ? undefined : messageId;
    const focus = closing ? `[data-picker="${messageId}"]` : `#message-${messageId} .picker button`;
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(focus)?.focus());
  }

  #tell(error: Error): void {
    this.notice = error.message;
    setTimeout(() => (this.notice = ''), MAX_NOTICE);
  }

  #context(): ListContext {
    const state = this.state!;
    const act = (action: Parameters<Host['act']>[0]) => this.#host!.act(action).catch((error) => this.#tell(error));
    const reacted = (message: APIMessage, emoji: string) =>
      message.reactions?.some((reaction) => reaction.emoji.name === emoji && reaction.me);
    return {
      user: state.user,
      bot: state.bot,
      people: [...state.people, state.bot],
      channel: this.#channel!,
      interactions: [...state.interactions.values()].filter(({ channelId }) => channelId === state.channelId),
      pickerFor: this.pickerFor,
      actionsFor: this.actionsFor,
      use: (messageId, customId, values) => act({ type: 'component', messageId, customId, ...(values && { values }) }),
      toggleReaction: (message, emoji) =>
        act({ type: reacted(message, emoji) ? 'unreact' : 'react', messageId: message.id, emoji }),
      togglePicker: (messageId) => this.#togglePicker(messageId),
      showActions: (messageId) => {
        this.actionsFor = messageId;
      },
      reply: (message) => {
        this.replyTo = message;
      },
      remove: ({ id }) => act({ type: 'delete', messageId: id }),
      dismiss: ({ id }) => act({ type: 'dismiss', messageId: id }),
      forget: ({ id }) => {
        this.state = withoutInteraction(state, id);
      },
      tryOut: (command) => this.#box.write(command),
    };
  }

  #drag(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this.dropping = event.type === 'dragover';
    if (event.type === 'drop') this.#box.takeFiles([...event.dataTransfer.files]);
  }

  override render() {
    const { state } = this;
    if (!state)
      return html`<p class="connecting" role="status">${this.connected ? 'Opening…' : 'Connecting to the local Discord…'}</p>`;
    return html`<div class="app ${this.menuOpen ? 'menu-open' : ''}" @dragover=${this.#drag} @dragleave=${this.#drag} @drop=${this.#drag}>
        ${this.#renderSidebar(state)}
        ${this.menuOpen ? html`<button class="shade" type="button" aria-label="Close menu" @click=${() => (this.menuOpen = false)}></button>` : nothing}
        ${this.#renderChat(state)}
        ${this.dropping ? html`<div class="drop-here" aria-hidden="true">${icons.upload}<strong>Drop to upload</strong></div>` : nothing}
      </div>
      <picture-viewer></picture-viewer>
      <modal-form .modal=${state.modal?.modal}
        @close-form=${() => (this.state = { ...state, modal: undefined })}
        @submit-form=${(event: CustomEvent<Record<string, string>>) => this.#submitForm(event.detail)}></modal-form>
      <div class="notice ${this.notice ? '' : 'hidden'}" role="status">${this.notice}</div>`;
  }

  #submitForm(values: Record<string, string>): void {
    const { interactionId } = this.state!.modal!;
    this.state = { ...this.state!, modal: undefined };
    this.#host!.act({ type: 'modal-submit', interactionId, values }).catch((error) => this.#tell(error));
  }

  #renderSidebar(state: ChatState) {
    const list = (kind: 'text' | 'direct') =>
      html`<ul>
        ${state.channels
          .filter((channel) => channel.kind === kind)
          .map((channel) => {
            const { id, name, recipient } = channel;
            const current = id === state.channelId;
            const unread = state.unread.has(id);
            return html`<li><button type="button" class="channel ${unread ? 'unread' : ''}" aria-current=${current ? 'page' : nothing}
              @click=${() => this.#openChannel(id)}>
              ${recipient ? avatar(recipient, 28) : icons.hash}<span>${name}</span>${recipient ? appTag(recipient) : nothing}
              ${unread ? html`<span class="visually-hidden">, unread</span>` : nothing}</button></li>`;
          })}
      </ul>`;
    return html`<nav class="sidebar" aria-label="Channels">
      <p class="server-name">Local Discord</p>
      <div class="channels">
        <h2>Text channels</h2>${list('text')}
        <h2>Direct messages</h2>${list('direct')}
      </div>
      <div class="user-panel">
        ${avatar(state.user, 36)}
        <label><span class="visually-hidden">You are</span>
          <select @change=${(event: Event) => this.#switchTo((event.target as HTMLSelectElement).value)}>
            ${state.people.map((user) => html`<option value=${user.id} ?selected=${user.id === state.user.id}>${displayName(user)}</option>`)}
          </select>
          <small>that’s you · choose to switch</small>
        </label>
      </div>
    </nav>`;
  }

  #renderChat(state: ChatState) {
    const channel = this.#channel!;
    const messages = state.messages.filter(({ channel_id }) => channel_id === channel.id);
    const name = channel.kind === 'text' ? `#${channel.name}` : channel.name;
    const show = (event: Event) => {
      const { pictures, index } = event as OpenPictures;
      void this.querySelector<PictureViewer>('picture-viewer')!.show(pictures, index);
    };
    return html`<main class="chat">
      <header class="channel-header">
        <button type="button" class="round menu-button" aria-label="Channels" aria-expanded=${this.menuOpen} @click=${() => (this.menuOpen = !this.menuOpen)}>${icons.menu}</button>
        ${channel.recipient ? avatar(channel.recipient, 24) : icons.hash}
        <h1>${channel.name}</h1>
        ${channel.topic ? html`<p class="topic">${channel.topic}</p>` : nothing}
        <p class="bot-status ${state.botOnline ? 'online' : ''}" role="status">${displayName(state.bot)} is ${state.botOnline ? 'online' : 'offline'}</p>
      </header>
      <div class="message-area">
        <div class="messages" role="log" tabindex="0" aria-label="Messages in ${name}" aria-relevant="additions"
          @scroll=${this.#onScroll} @open-pictures=${show}>
          ${messageList(messages, this.#context())}
        </div>
        ${this.#renderJump()}
      </div>
      ${this.connected ? nothing : html`<p class="offline" role="alert">Connection lost, trying again…</p>`}
      <message-box .host=${this.#host!} .channel=${channel} .people=${[...state.people, state.bot]} .choices=${state.choices}
        .replyTo=${this.replyTo} @end-reply=${() => (this.replyTo = undefined)}></message-box>
      ${this.#renderTyping(state)}
    </main>`;
  }

  #renderJump() {
    if (this.atEnd) return nothing;
    const text =
      this.missed > 0 ? `${this.missed} new ${this.missed === 1 ? 'message' : 'messages'}` : 'Newest messages';
    const jump = () => {
      this.atEnd = true;
      this.missed = 0;
      this.#toEnd();
    };
    return html`<button type="button" class="jump" @click=${jump}>${text} ${icons.down}</button>`;
  }

  #renderTyping(state: ChatState) {
    const now = Date.now();
    const names = state.typing
      .filter(({ channelId, user, until }) => channelId === state.channelId && user.id !== state.user.id && until > now)
      .map(({ user }) => displayName(user));
    const text = names.length === 0 ? '' : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing…`;
    return html`<p class="typing" aria-live="polite">${text ? html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> ${text}` : nothing}</p>`;
  }
}
customElements.define('discord-app', DiscordApp);
