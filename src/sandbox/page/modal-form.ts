import {
  type APIModalInteractionResponseCallbackData,
  type APITextInputComponent,
  ComponentType,
  TextInputStyle,
} from 'discord-api-types/v10';
import { html, LitElement, nothing } from 'lit';
import { icons } from './icons.ts';

/** A form that the bot opened. Fires `submit-form` with the texts, or `close-form`. */
export class ModalForm extends LitElement {
  static override properties = { modal: { attribute: false } };
  declare modal: APIModalInteractionResponseCallbackData | undefined;

  override createRenderRoot() {
    return this;
  }

  override updated(): void {
    const dialog = this.querySelector('dialog');
    if (this.modal && !dialog?.open) dialog?.showModal();
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const texts = new FormData(event.target as HTMLFormElement);
    const detail = Object.fromEntries([...texts].map(([name, value]) => [name, String(value)]));
    this.dispatchEvent(new CustomEvent('submit-form', { detail }));
  }

  #close(): void {
    this.dispatchEvent(new Event('close-form'));
  }

  override render() {
    if (!this.modal) return nothing;
    return html`<dialog class="modal" aria-label=${this.modal.title} @close=${this.#close}>
      <form @submit=${this.#submit}>
        <header><h2>${this.modal.title}</h2>
          <button type="button" class="round" aria-label="Close" @click=${this.#close}>${icons.close}</button></header>
        ${inputsOf(this.modal).map(({ label, description, input }) => field(label, description, input))}
        <footer>
          <button type="button" class="button secondary" @click=${this.#close}>Cancel</button>
          <button type="submit" class="button primary">Submit</button>
        </footer>
      </form>
    </dialog>`;
  }
}
customElements.define('modal-form', ModalForm);

interface Labelled {
  label: string;
  description: string;
  input: APITextInputComponent;
}

/** The text inputs, in action rows as they used to be or in labels as they are now. */
function inputsOf({ components }: APIModalInteractionResponseCallbackData): Labelled[] {
  return components.flatMap((component) => {
    if (component.type === ComponentType.ActionRow) {
      return component.components.map((input) => ({ label: input.label ?? '', description: '', input }));
    }
    if (component.type !== ComponentType.Label || component.component.type !== ComponentType.TextInput) return [];
    return [{ label: component.label, description: component.description ?? '', input: component.component }];
  });
}

function field(label: string, description: string, input: APITextInputComponent) {
  const { custom_id: name, value = '', placeholder = '', required = true, min_length, max_length } = input;
  const common = [name, placeholder, required, min_length ?? nothing, max_length ?? nothing] as const;
  return html`<label>${label}${required ? nothing : ' (optional)'} ${description ? html`<small>${description}</small>` : nothing}
    ${
      input.style === TextInputStyle.Paragraph
        ? html`<textarea name=${common[0]} placeholder=${common[1]} ?required=${common[2]} minlength=${common[3]} maxlength=${common[4]} rows="5">${value}</textarea>`
        : html`<input name=${common[0]} placeholder=${common[1]} ?required=${common[2]} minlength=${common[3]} maxlength=${common[4]} value=${value} />`
    }
  </label>`;
}
