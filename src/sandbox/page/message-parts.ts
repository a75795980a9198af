import {
  type APIButtonComponent,
  type APIComponentInMessageActionRow,
  type APIContainerComponent,
  type APIEmbed,
  type APIMessageComponentEmoji,
  type APIMessageTopLevelComponent,
  type APISectionComponent,
  type APIStringSelectComponent,
  type APIUnfurledMediaItem,
  type APIUser,
  ButtonStyle,
  ComponentType,
} from 'discord-api-types/v10';
import { html, nothing, type TemplateResult } from 'lit';
import { styleMap } from 'lit/directives/style-map.js';
import { fileCard, gallery } from './gallery.ts';
import { icons } from './icons.ts';
import { markdown } from './markdown.ts';

/** What components need to know of their message. */
export interface PartsContext {
  people: readonly APIUser[];
  /** Custom ids whose interaction is on its way. */
  waiting: ReadonlySet<string>;
  use(customId: string, values?: string[]): void;
}

type Part = APIMessageTopLevelComponent | APIComponentInMessageActionRow;

/** Buttons, menus and the layout components of V2. */
export function componentPart(part: Part, context: PartsContext): TemplateResult | typeof nothing {
  switch (part.type) {
    case ComponentType.ActionRow:
      return html`<div class="action-row">${part.components.map((child) => componentPart(child, context))}</div>`;
    case ComponentType.Button:
      return button(part, context);
    case ComponentType.StringSelect:
      return menu(part, context);
    case ComponentType.TextDisplay:
      return html`<div class="text-display">${markdown(part.content, context.people)}</div>`;
    case ComponentType.Section:
      return section(part, context);
    case ComponentType.MediaGallery:
      return gallery(part.items.map(({ media, description }) => mediaPicture(media, description)));
    case ComponentType.Separator:
      return html`<div class="separator ${part.divider === false ? 'plain' : ''} spacing-${part.spacing ?? 1}" role="presentation"></div>`;
    case ComponentType.File:
      return fileCard(part.name ?? 'file', part.file.url, part.size);
    case ComponentType.Container:
      return container(part, context);
    default:
      return nothing;
  }
}

const colour = (value: number) => `#${value.toString(16).padStart(6, '0')}`;

function container({ accent_color, components }: APIContainerComponent, context: PartsContext): TemplateResult {
  const accent = accent_color == null ? {} : { '--accent': colour(accent_color) };
  return html`<div class="container ${accent_color == null ? '' : 'accented'}" style=${styleMap(accent)}>
    ${components.map((child) => componentPart(child, context))}
  </div>`;
}

function section({ components, accessory }: APISectionComponent, context: PartsContext): TemplateResult {
  const beside =
    accessory.type === ComponentType.Thumbnail
      ? html`<div class="thumbnail">${gallery([mediaPicture(accessory.media, accessory.description)])}</div>`
      : componentPart(accessory, context);
  return html`<div class="section"><div>${components.map((child) => componentPart(child, context))}</div>${beside}</div>`;
}

const mediaPicture = ({ url, width, height }: APIUnfurledMediaItem, description: string | null | undefined) => ({
  url,
  alt: description || decodeURIComponent(url.split('/').at(-1) ?? 'picture'),
  width,
  height,
});

const STYLES: Record<number, string> = {
  [ButtonStyle.Primary]: 'primary',
  [ButtonStyle.Secondary]: 'secondary',
  [ButtonStyle.Success]: 'success',
  [ButtonStyle.Danger]: 'danger',
  [ButtonStyle.Link]: 'secondary',
};

const emoji = (emoji: APIMessageComponentEmoji | undefined) =>
  emoji?.name ? html`<span class="emoji" aria-hidden="true">${emoji.name}</span>` : nothing;

function button(part: APIButtonComponent, { waiting, use }: PartsContext): TemplateResult | typeof nothing {
  if (part.style === ButtonStyle.Premium) return nothing;
  const content = html`${emoji(part.emoji)}${part.label ? html`<span>${part.label}</span>` : nothing}`;
  const name = part.label ? nothing : (part.emoji?.name ?? nothing);
  if (part.style === ButtonStyle.Link) {
    return html`<a class="button secondary" href=${part.url} target="_blank" rel="noreferrer noopener" aria-label=${name}
      >${content}${icons.external}</a>`;
  }
  const { custom_id: customId, style, disabled = false } = part;
  const busy = waiting.has(customId);
  return html`<button class="button ${STYLES[style] ?? 'secondary'} ${busy ? 'busy' : ''}" type="button" aria-label=${name}
    aria-busy=${busy} ?disabled=${disabled} @click=${() => !busy && use(customId)}>${content}</button>`;
}

function menu(part: APIStringSelectComponent, context: PartsContext): TemplateResult {
  const {
    custom_id,
    options,
    placeholder = 'Make a selection',
    max_values = 1,
    min_values = 1,
    disabled = false,
  } = part;
  const several = max_values > 1;
  const change = (event: Event) => {
    const select = event.currentTarget as HTMLSelectElement;
    const values = [...select.selectedOptions].map(({ value }) => value).filter(Boolean);
    if (values.length >= min_values && values.length <= max_values) context.use(custom_id, values);
  };
  return html`<select class="menu" aria-label=${placeholder} ?multiple=${several} ?disabled=${disabled} @change=${change}>
    ${several ? nothing : html`<option value="" ?selected=${!options.some((option) => option.default)}>${placeholder}</option>`}
    ${options.map(
      (option) =>
        html`<option value=${option.value} ?selected=${option.default ?? false}>${option.emoji?.name ?? ''} ${option.label}${option.description ? ` – ${option.description}` : ''}</option>`,
    )}
  </select>`;
}

export function embedPart(embed: APIEmbed, people: readonly APIUser[]): TemplateResult {
  const { title, url, description, color, author, fields = [], footer, image, thumbnail } = embed;
  const heading = url ? html`<a href=${url} target="_blank" rel="noreferrer noopener">${title}</a>` : title;
  const picture = (media: typeof image) =>
    media ? gallery([{ ...media, alt: title ?? 'Picture of the embed' }]) : nothing;
  return html`<div class="embed" style=${styleMap(color == null ? {} : { '--accent': colour(color) })}>
    <div class="embed-text">
      ${author ? html`<p class="embed-author">${author.name}</p>` : nothing}
      ${title ? html`<p class="embed-title">${heading}</p>` : nothing}
      ${description ? html`<div>${markdown(description, people)}</div>` : nothing}
      ${fields.length > 0 ? html`<dl>${fields.map((field) => embedField(field, people))}</dl>` : nothing}
      ${picture(image)}
      ${footer ? html`<p class="embed-footer">${footer.text}</p>` : nothing}
    </div>
    ${thumbnail ? html`<div class="thumbnail">${picture(thumbnail)}</div>` : nothing}
  </div>`;
}

const embedField = ({ name, value, inline }: NonNullable<APIEmbed['fields']>[number], people: readonly APIUser[]) =>
  html`<div class=${inline ? 'inline' : ''}><dt>${markdown(name, people)}</dt><dd>${markdown(value, people)}</dd></div>`;
