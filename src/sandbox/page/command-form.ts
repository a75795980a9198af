import type { APIApplicationCommandOptionChoice, APIUser } from 'discord-api-types/v10';
import { html, LitElement, nothing, type PropertyValues } from 'lit';
import type { Invocable } from '../command-line.ts';
import type { OptionValue } from '../page-protocol.ts';
import {
  type Choice,
  type Field,
  fieldValue,
  fixedChoices,
  hasAutocomplete,
  hint,
  isAttachment,
  startingFields,
} from './command-fields.ts';
import { isPicture } from './gallery.ts';
import type { Host } from './host.ts';
import { icons } from './icons.ts';

const ASK_AFTER = 150;

/** A slash command with its options as fields. Fires `leave` when it was sent or given up. */
export class CommandForm extends LitElement {
  static override properties = {
    invocable: { attribute: false },
    people: { attribute: false },
    choices: { attribute: false },
    fields: { state: true },
    active: { state: true },
    selected: { state: true },
    listOpen: { state: true },
    offered: { state: true },
    problem: { state: true },
  };
  declare host: Host;
  declare channelId: string;
  declare invocable: Invocable;
  declare people: readonly APIUser[];
  /** What the bot offered last. */
  declare choices: { interactionId: string; choices: APIApplicationCommandOptionChoice[] } | undefined;
  /** Texts to begin with. */
  declare texts: ReadonlyMap<string, string>;
  declare fields: Field[];
  declare active: string | undefined;
  declare selected: number;
  declare listOpen: boolean;
  /** Choices for the active field that depend on the bot. */
  declare offered: readonly Choice[];
  declare problem: string;
  #awaited = '';
  #asking: ReturnType<typeof setTimeout> | undefined;
  #uploads: Promise<unknown> = Promise.resolve();

  constructor() {
    super();
    this.fields = [];
    this.selected = -1;
    this.listOpen = false;
    this.offered = [];
    this.problem = '';
  }

  override createRenderRoot() {
    return this;
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('choices')) this.#receiveChoices();
    if (this.hasUpdated) return;
    this.fields = startingFields(this.invocable, this.texts);
    if (this.texts.size > 0) this.#check();
  }

  override firstUpdated(): void {
    void this.updateComplete.then(() => this.#focusFirst());
  }

  /** What the bot offers takes the place of what was shown while it was asked; a selected choice stays selected. */
  #receiveChoices(): void {
    if (!this.choices || this.choices.interactionId !== this.#awaited) return;
    const selected = this.offered[this.selected]?.name;
    this.offered = this.choices.choices;
    this.selected = this.offered.findIndex(({ name }) => name === selected);
  }

  /** Files that were dropped or pasted: into the attachment options that are still empty. */
  takeFiles(files: readonly File[]): void {
    for (const file of files) {
      const shown = this.fields.find((field) => isAttachment(field) && !field.attachment && !field.uploading);
      const name = shown?.option.name ?? this.#offered().find((option) => isAttachment({ option, text: '' }))?.name;
      if (!name) {
        this.problem = `/${this.invocable.name} takes no more files`;
        return;
      }
      if (!shown) this.#add(name);
      this.#upload(name, file);
    }
  }

  #offered() {
    return this.invocable.options.filter(({ name }) => !this.fields.some(({ option }) => option.name === name));
  }

  #change(name: string, change: Partial<Field>): void {
    this.fields = this.fields.map((field) => (field.option.name === name ? { ...field, ...change } : field));
  }

  #add(name: string): void {
    const option = this.invocable.options.find((option) => option.name === name)!;
    this.fields = [...this.fields, { option, text: '' }];
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(`#option-${name}`)?.focus());
  }

  #remove(name: string): void {
    this.fields = this.fields.filter(({ option }) => option.name !== name);
    void this.updateComplete.then(() => this.#focusFirst());
  }

  #focusFirst(): void {
    const wrong = this.querySelector<HTMLElement>('[aria-invalid="true"]');
    const empty = [...this.querySelectorAll<HTMLInputElement>('input')].find(
      ({ value, type }) => !value && type !== 'file',
    );
    (wrong ?? empty ?? this.querySelector<HTMLElement>('input, .choose-file, .send'))?.focus();
  }

  #upload(name: string, file: File): void {
    this.#uploads = Promise.all([this.#uploads, this.#bring(name, file)]);
  }

  async #bring(name: string, file: File): Promise<void> {
    this.#change(name, { uploading: file.name, attachment: undefined, problem: undefined });
    try {
      this.#change(name, { attachment: await this.host.upload(file, this.channelId), uploading: undefined });
    } catch (error) {
      this.#change(name, { uploading: undefined, problem: (error as Error).message });
    }
  }

  /** Marks what is wrong; returns the values where nothing is. */
  #check(): Record<string, OptionValue> | undefined {
    const values: Record<string, OptionValue> = {};
    this.fields = this.fields.map((field) => {
      const checked = fieldValue(field);
      if (checked && 'value' in checked) values[field.option.name] = checked.value;
      return { ...field, problem: checked && 'problem' in checked ? checked.problem : undefined };
    });
    return this.fields.some(({ problem }) => problem) ? undefined : values;
  }

  async #submit(event?: Event): Promise<void> {
    event?.preventDefault();
    // whoever sends while a file is on its way means with it
    await this.#uploads;
    const values = this.#check();
    await this.updateComplete;
    if (!values) return this.#focusFirst();
    const { command, path } = this.invocable;
    try {
      await this.host.act({ type: 'command', channelId: this.channelId, commandId: command.id, path, values });
      this.#leave();
    } catch (error) {
      this.problem = (error as Error).message;
    }
  }

  #leave(): void {
    this.dispatchEvent(new Event('leave'));
  }

  #list(field: Field): readonly Choice[] {
    if (!this.listOpen) return [];
    const fixed = fixedChoices(field, this.people);
    if (fixed) return fixed;
    return hasAutocomplete(field) ? this.offered : [];
  }

  #focus(field: Field): void {
    this.active = field.option.name;
    this.listOpen = true;
    this.selected = -1;
    this.offered = [];
    if (hasAutocomplete(field)) this.#ask(field, 0);
  }

  #type(field: Field, text: string): void {
    this.#change(field.option.name, { text, chosen: undefined, problem: undefined });
    this.problem = '';
    this.listOpen = true;
    const narrowed = fixedChoices({ ...field, text }, this.people);
    this.selected = narrowed?.length && text ? 0 : -1;
    this.offered = this.offered.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
    if (hasAutocomplete(field)) this.#ask({ ...field, text }, ASK_AFTER);
  }

  /** Asks the bot what it offers, once the typing pauses. What it says to an earlier text is no longer wanted then. */
  #ask(field: Field, delay: number): void {
    clearTimeout(this.#asking);
    this.#awaited = '';
    const asking = setTimeout(async () => {
      const { command, path } = this.invocable;
      const texts = this.fields.map(({ option, text, chosen }) => [option.name, chosen ?? text] as const);
      const values = Object.fromEntries(texts.filter(([name, text]) => text !== '' || name === field.option.name));
      const focused = field.option.name;
      const action = {
        type: 'autocomplete',
        channelId: this.channelId,
        commandId: command.id,
        path,
        values,
        focused,
      } as const;
      const interactionId = await this.host.act<string>(action).catch(() => '');
      if (this.#asking === asking) this.#awaited = interactionId;
    }, delay);
    this.#asking = asking;
  }

  #choose(field: Field, choice: Choice): void {
    this.#change(field.option.name, { text: choice.name, chosen: choice.value, problem: undefined });
    this.listOpen = false;
    this.selected = -1;
  }

  #onKey(event: KeyboardEvent, field: Field): void {
    const list = this.#list(field);
    const { key } = event;
    if (key === 'ArrowDown' || key === 'ArrowUp') {
      if (list.length === 0) return;
      // Nothing is chosen at first (-1): down takes the first, up the last.
      const from = key === 'ArrowDown' ? this.selected + 1 : Math.max(this.selected, 0) - 1;
      this.selected = (from + list.length) % list.length;
    } else if ((key === 'Enter' || key === 'Tab') && list[this.selected]) {
      this.#choose(field, list[this.selected]!);
      if (key === 'Tab') return;
    } else if (key === 'Enter') {
      void this.#submit();
    } else if (key === 'Escape') {
      if (list.length > 0) this.listOpen = false;
      else this.#leave();
    } else if (key === 'Backspace' && !field.text && !field.attachment) {
      if (field.option.required) this.#leave();
      else this.#remove(field.option.name);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  override render() {
    const active = this.fields.find(({ option }) => option.name === this.active);
    const offered = this.#offered();
    return html`<form class="command-form" aria-label="/${this.invocable.name}" @submit=${this.#submit} @keydown=${this.#onFormKey}>
      ${active ? this.#renderList(active) : nothing}
      <p class="command-hint" aria-live="polite">
        <strong>/${this.invocable.name}</strong>
        ${active ? html`<b>${active.option.name}</b> <span>${hint(active)}</span>` : html`<span>${this.invocable.description}</span>`}
      </p>
      ${this.problem ? html`<p class="failure" role="alert">${icons.alert} ${this.problem}</p>` : nothing}
      <div class="command-line">
        <span class="command-name">/${this.invocable.name}</span>
        ${this.fields.map((field) => this.#renderField(field))}
        ${offered.map(
          ({ name, description }) =>
            html`<button type="button" class="offer" title=${description} aria-label="Add option ${name}" @click=${() => this.#add(name)}>+ ${name}</button>`,
        )}
        <span class="command-buttons">
          <button type="button" class="round" aria-label="Cancel command" title="Cancel (Esc)" @click=${this.#leave}>${icons.close}</button>
          <button type="submit" class="round send" aria-label="Send command" title="Send (Enter)">${icons.send}</button>
        </span>
      </div>
    </form>`;
  }

  #onFormKey(event: KeyboardEvent): void {
    if (event.key === 'Escape') this.#leave();
  }

  #renderField(field: Field) {
    const { option, problem } = field;
    const { name, required } = option;
    return html`<span class="field ${problem ? 'wrong' : ''}">
      <label for="option-${name}">${name}${required ? html`<span class="required" aria-hidden="true">*</span>` : nothing}</label>
      ${isAttachment(field) ? this.#renderFile(field) : this.#renderInput(field)}
      ${
        required
          ? nothing
          : html`<button type="button" class="remove" aria-label="Remove option ${name}" @click=${() => this.#remove(name)}>${icons.close}</button>`
      }
      ${problem ? html`<span class="field-problem" id="problem-${name}" role="alert">${problem}</span>` : nothing}
    </span>`;
  }

  #renderInput(field: Field) {
    const { option, text, problem } = field;
    const { name, required = false } = option;
    const list = this.active === name ? this.#list(field) : [];
    const selects = hasAutocomplete(field) || fixedChoices(field, this.people) !== undefined;
    // As wide as its text, within the bounds that the style sheet sets.
    const size = Math.max(text.length, 4);
    return html`<input id="option-${name}" .value=${text} size=${size} autocomplete="off" spellcheck="false"
      role=${selects ? 'combobox' : nothing} aria-autocomplete=${selects ? 'list' : nothing}
      aria-expanded=${selects ? list.length > 0 : nothing} aria-controls=${list.length > 0 ? 'choices' : nothing}
      aria-activedescendant=${list[this.selected] ? `choice-${this.selected}` : nothing}
      aria-required=${required} aria-invalid=${Boolean(problem)} aria-describedby=${problem ? `problem-${name}` : nothing}
      @focus=${() => this.#focus(field)} @blur=${() => (this.listOpen = false)}
      @input=${(event: InputEvent) => this.#type(field, (event.target as HTMLInputElement).value)}
      @keydown=${(event: KeyboardEvent) => this.#onKey(event, field)} />`;
  }

  #renderFile(field: Field) {
    const { option, attachment, uploading, problem } = field;
    const { name } = option;
    const pick = (event: Event) => {
      const file = (event.target as HTMLInputElement).files?.[0];
      if (file) this.#upload(name, file);
    };
    return html`<span class="file-field">
      ${attachment && isPicture(attachment) ? html`<img src=${attachment.url} alt="" width="32" height="32" />` : nothing}
      <span class="file-name">${attachment?.filename ?? (uploading ? `Sending ${uploading}…` : 'Drop, paste or choose a file')}</span>
      <input type="file" id="option-${name}" class="choose-file" aria-invalid=${Boolean(problem)}
        aria-describedby=${problem ? `problem-${name}` : nothing} @change=${pick}
        @focus=${() => (this.active = name)} />
    </span>`;
  }

  #renderList(field: Field) {
    const list = this.#list(field);
    if (list.length === 0) return nothing;
    return html`<ul class="popup" id="choices" role="listbox" aria-label="Choices for ${field.option.name}">
      ${list.map(
        (choice, i) => html`<li id="choice-${i}" role="option" aria-selected=${i === this.selected}
          @mousedown=${(event: Event) => {
            event.preventDefault();
            this.#choose(field, choice);
          }}>${choice.name}</li>`,
      )}
    </ul>`;
  }
}
customElements.define('command-form', CommandForm);
