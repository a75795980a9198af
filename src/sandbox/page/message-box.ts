import type { APIAttachment, APIMessage, APIUser } from 'discord-api-types/v10';
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import { checkText, type Invocable, invocables, parseCommandLine, type TypedCommand } from '../command-line.ts';
import type { OptionValue, PageChannel } from '../page-protocol.ts';
import { displayName } from './avatar.ts';
import type { ChatState } from './chat-state.ts';
import './command-form.ts';
import type { CommandForm } from './command-form.ts';
import { isPicture } from './gallery.ts';
import type { Host } from './host.ts';
import { icons } from './icons.ts';

const TELL_TYPING_EVERY = 8_000;
const MAX_MESSAGE = 2000;

/** Where people write: plain messages, whole command lines, or commands chosen from the list that `/` opens. */
export class MessageBox extends LitElement {
  static override properties = {
    channel: { attribute: false },
    people: { attribute: false },
    choices: { attribute: false },
    replyTo: { attribute: false },
    text: { state: true },
    files: { state: true },
    uploading: { state: true },
    selected: { state: true },
    listOpen: { state: true },
    command: { state: true },
    problem: { state: true },
  };
  declare host: Host;
  declare channel: PageChannel;
  declare people: readonly APIUser[];
  declare choices: ChatState['choices'];
  declare replyTo: APIMessage | undefined;
  declare text: string;
  declare files: APIAttachment[];
  declare uploading: number;
  declare selected: number;
  declare listOpen: boolean;
  /** The command being filled in as a form. */
  declare command: TypedCommand | undefined;
  declare problem: string;
  #toldTyping = 0;
  #uploads: Promise<unknown> = Promise.resolve();

  constructor() {
    super();
    this.text = '';
    this.files = [];
    this.uploading = 0;
    this.selected = 0;
    this.listOpen = true;
    this.problem = '';
  }

  override createRenderRoot() {
    return this;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('channel');
    if (before && before.id !== this.channel.id) this.#clear();
    if (changed.has('replyTo') && this.replyTo) void this.updateComplete.then(() => this.#textarea?.focus());
  }

  /** Puts a text in, ready to be sent. */
  write(text: string): void {
    this.command = undefined;
    this.text = text;
    this.listOpen = false;
    void this.updateComplete.then(() => {
      this.#textarea?.focus();
      this.#textarea?.setSelectionRange(text.length, text.length);
    });
  }

  takeFiles(files: readonly File[]): void {
    const form = this.querySelector<CommandForm>('command-form');
    if (form) form.takeFiles(files);
    else this.#uploads = Promise.all([this.#uploads, this.#bring(files)]);
  }

  async #bring(files: readonly File[]): Promise<void> {
    for (const file of files) {
      this.uploading += 1;
      try {
        this.files = [...this.files, await this.host.upload(file, this.channel.id)];
      } catch (error) {
        this.problem = (error as Error).message;
      }
      this.uploading -= 1;
    }
  }

  get #textarea(): HTMLTextAreaElement | null {
    return this.querySelector('textarea');
  }

  get #known(): Invocable[] {
    return invocables(this.channel.commands);
  }

  /** Commands offered for what was typed so far. */
  get #offered(): Invocable[] {
    const query = /^\/([^\n]*)$/.exec(this.text)?.[1]?.toLowerCase();
    if (query === undefined || !this.listOpen) return [];
    const begins = this.#known.filter(({ name }) => name.startsWith(query));
    const contains = this.#known.filter(({ name }) => !name.startsWith(query) && name.includes(query));
    return [...begins, ...contains];
  }

  get #typed(): TypedCommand | undefined {
    return this.text.startsWith('/') ? parseCommandLine(this.text, this.#known) : undefined;
  }

  #clear(): void {
    this.text = '';
    this.files = [];
    this.command = undefined;
    this.problem = '';
    this.listOpen = true;
  }

  #open(typed: TypedCommand): void {
    this.command = typed;
    this.text = '';
    this.problem = '';
    this.listOpen = true;
  }

  #leave(): void {
    this.command = undefined;
    void this.updateComplete.then(() => this.#textarea?.focus());
  }

  #type(event: InputEvent): void {
    this.text = (event.target as HTMLTextAreaElement).value;
    this.selected = 0;
    this.listOpen = true;
    this.problem = '';
    if (!this.text || this.text.startsWith('/') || Date.now() - this.#toldTyping < TELL_TYPING_EVERY) return;
    this.#toldTyping = Date.now();
    this.host.act({ type: 'typing', channelId: this.channel.id }).catch(() => {});
  }

  #onKey(event: KeyboardEvent): void {
    const offered = this.#offered;
    const { key } = event;
    const chosen = offered[this.selected];
    if ((key === 'ArrowDown' || key === 'ArrowUp') && chosen) {
      this.selected = (this.selected + (key === 'ArrowDown' ? 1 : -1) + offered.length) % offered.length;
    } else if ((key === 'Enter' || key === 'Tab') && chosen && !event.shiftKey) {
      this.#open({ invocable: chosen, texts: new Map() });
    } else if (key === 'Tab' && this.#typed && !event.shiftKey) {
      this.#open(this.#typed);
    } else if (key === 'Enter' && !event.shiftKey && !event.isComposing) {
      void this.#send();
    } else if (key === 'Escape' && chosen) {
      this.listOpen = false;
    } else if (key === 'Escape' && this.replyTo) {
      this.#endReply();
    } else {
      return;
    }
    event.preventDefault();
  }

  async #send(): Promise<void> {
    const typed = this.#typed;
    try {
      if (typed) await this.#sendCommand(typed);
      else if (/^\/[\p{L}\p{N}_-]/u.test(this.text))
        this.problem = `There is no command “${this.text.split(' ')[0]}” here`;
      else await this.#sendMessage();
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.#textarea?.focus();
  }

  async #sendMessage(): Promise<void> {
    // whoever sends while a file is on its way means with it
    await this.#uploads;
    const content = this.text.trim();
    if (!content && this.files.length === 0) return;
    if (content.length > MAX_MESSAGE) {
      throw new Error(`A message may have ${MAX_MESSAGE} characters, this one has ${content.length}`);
    }
    const attachmentIds = this.files.map(({ id }) => id);
    const replyTo = this.replyTo ? { replyTo: this.replyTo.id } : {};
    await this.host.act({ type: 'send', channelId: this.channel.id, content, attachmentIds, ...replyTo });
    this.#clear();
    this.#toldTyping = 0;
    if (this.replyTo) this.#endReply();
  }

  /** A whole line is sent as it stands, or opened as a form where something is missing or wrong. */
  async #sendCommand(typed: TypedCommand): Promise<void> {
    const { command, path, options } = typed.invocable;
    const values: Record<string, OptionValue> = {};
    for (const option of options) {
      const text = typed.texts.get(option.name);
      const checked = text ? checkText(option, text) : undefined;
      const missing = !text && option.required;
      const needsForm = missing || (checked && 'problem' in checked) || (text && isFileOrPerson(option.type));
      if (needsForm) return this.#open(typed);
      if (checked && 'value' in checked) values[option.name] = checked.value;
    }
    await this.host.act({ type: 'command', channelId: this.channel.id, commandId: command.id, path, values });
    this.#clear();
  }

  #endReply(): void {
    this.dispatchEvent(new Event('end-reply'));
  }

  #paste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.takeFiles(files);
  }

  override render() {
    return html`<div class="composer" @paste=${this.#paste}>
      ${this.#renderAbove()}
      ${this.command ? this.#renderForm(this.command) : this.#renderText()}
    </div>`;
  }

  #renderAbove() {
    return html`
      ${this.problem ? html`<p class="failure" role="alert">${icons.alert} ${this.problem}</p>` : nothing}
      ${
        this.replyTo
          ? html`<p class="replying">Replying to <strong>${displayName(this.replyTo.author)}</strong>
            <button type="button" class="round" aria-label="Cancel reply" @click=${this.#endReply}>${icons.close}</button></p>`
          : nothing
      }
      ${this.files.length > 0 || this.uploading > 0 ? this.#renderTray() : nothing}`;
  }

  #renderTray() {
    return html`<ul class="tray" aria-label="Files to send">
      ${this.files.map(
        (file) => html`<li>
          ${isPicture(file) ? html`<img src=${file.url} alt="" />` : icons.file}
          <span class="file-name">${file.filename}</span>
          <button type="button" class="round" aria-label="Remove ${file.filename}"
            @click=${() => (this.files = this.files.filter((other) => other !== file))}>${icons.close}</button>
        </li>`,
      )}
      ${this.uploading > 0 ? html`<li class="file-name">Sending…</li>` : nothing}
    </ul>`;
  }

  #renderForm({ invocable, texts }: TypedCommand) {
    return html`<command-form .host=${this.host} .channelId=${this.channel.id} .invocable=${invocable} .texts=${texts}
      .people=${this.people} .choices=${this.choices} @leave=${this.#leave}></command-form>`;
  }

  #renderText() {
    const offered = this.#offered;
    const name = this.channel.kind === 'text' ? `#${this.channel.name}` : `@${this.channel.name}`;
    const pick = (event: Event) => {
      const input = event.target as HTMLInputElement;
      this.takeFiles([...(input.files ?? [])]);
      input.value = '';
    };
    return html`
      ${offered.length > 0 ? this.#renderCommands(offered) : this.#renderTypedHint()}
      <div class="text-line">
        <label class="round attach" title="Attach files">${icons.plus}
          <input type="file" multiple aria-label="Attach files" @change=${pick} />
        </label>
        <textarea rows="1" .value=${this.text} placeholder="Message ${name}" aria-label="Message ${name}"
          aria-autocomplete="list" aria-controls=${offered.length > 0 ? 'commands' : nothing}
          aria-activedescendant=${offered.length > 0 ? `command-${this.selected}` : nothing}
          @input=${this.#type} @keydown=${this.#onKey}></textarea>
        <button type="button" class="round send" aria-label="Send message" title="Send (Enter)" @click=${this.#send}>${icons.send}</button>
      </div>`;
  }

  #renderCommands(offered: Invocable[]) {
    return html`<ul class="popup" id="commands" role="listbox" aria-label="Commands">
      ${offered.map(
        (invocable, i) => html`<li id="command-${i}" role="option" aria-selected=${i === this.selected}
          @mouseenter=${() => (this.selected = i)}
          @mousedown=${(event: Event) => {
            event.preventDefault();
            this.#open({ invocable, texts: new Map() });
          }}>
          <span class="command-name">/${invocable.name}</span>
          <span class="options">${invocable.options.map(({ name, required }) => (required ? html`<i>${name}</i>` : html`<i class="optional">${name}</i>`))}</span>
          <small>${invocable.description}</small>
        </li>`,
      )}
    </ul>`;
  }

  /** While a whole command line is typed: which options there are, and which are given. */
  #renderTypedHint() {
    const typed = this.#typed;
    if (!typed) return nothing;
    return html`<p class="command-hint" aria-live="polite">
      <strong>/${typed.invocable.name}</strong>
      ${typed.invocable.options.map(
        ({ name, required }) =>
          html`<span class="option-hint ${typed.texts.get(name) ? 'given' : ''} ${required ? 'needed' : ''}">${name}:</span>`,
      )}
      <span>Enter sends, Tab shows the fields</span>
    </p>`;
  }

  override updated(): void {
    const textarea = this.#textarea;
    if (!textarea) return;
    textarea.style.height = 'auto';
    textarea.style.height = `${textarea.scrollHeight}px`;
    this.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }
}
customElements.define('message-box', MessageBox);

const ATTACHMENT = 11;
const USER = 6;
const isFileOrPerson = (type: number) => type === ATTACHMENT || type === USER;
