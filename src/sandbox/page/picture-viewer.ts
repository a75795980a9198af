import { html, LitElement, nothing } from 'lit';
import type { Picture } from './gallery.ts';
import { icons } from './icons.ts';

/** Pictures large, one at a time: arrow keys for the others, Escape or a click beside it closes. */
export class PictureViewer extends LitElement {
  static override properties = { pictures: { state: true }, index: { state: true } };
  declare pictures: readonly Picture[];
  declare index: number;

  constructor() {
    super();
    this.pictures = [];
    this.index = 0;
  }

  override createRenderRoot() {
    return this;
  }

  async show(pictures: readonly Picture[], index: number): Promise<void> {
    this.pictures = pictures;
    this.index = index;
    await this.updateComplete;
    this.#dialog.showModal();
  }

  get #dialog(): HTMLDialogElement {
    return this.querySelector('dialog')!;
  }

  #move(by: number): void {
    this.index = (this.index + by + this.pictures.length) % this.pictures.length;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'ArrowRight') this.#move(1);
    else if (event.key === 'ArrowLeft') this.#move(-1);
    else return;
    event.preventDefault();
  }

  #onClick(event: Event): void {
    const beside = !(event.target as Element).closest('img, button, a');
    if (beside) this.#dialog.close();
  }

  override render() {
    const picture = this.pictures[this.index];
    const many = this.pictures.length > 1;
    return html`<dialog class="viewer" aria-label="Picture" @keydown=${this.#onKey} @click=${this.#onClick}>
      ${picture ? this.#renderPicture(picture) : nothing}
      ${
        many
          ? html`
            <button class="viewer-arrow before" type="button" aria-label="Previous picture" @click=${() => this.#move(-1)}>${icons.back}</button>
            <button class="viewer-arrow after" type="button" aria-label="Next picture" @click=${() => this.#move(1)}>${icons.forward}</button>`
          : nothing
      }
      <button class="viewer-close" type="button" aria-label="Close" @click=${() => this.#dialog.close()}>${icons.close}</button>
    </dialog>`;
  }

  #renderPicture({ url, alt, width, height }: Picture) {
    return html`<figure>
      <img src=${url} alt=${alt} width=${width ?? nothing} height=${height ?? nothing} />
      <figcaption aria-live="polite">${alt} <a href=${url} target="_blank" rel="noreferrer noopener">Open original</a></figcaption>
    </figure>`;
  }
}
customElements.define('picture-viewer', PictureViewer);
