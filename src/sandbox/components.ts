import { type APIMessageTopLevelComponent, ComponentType } from 'discord-api-types/v10';
import { type AnyComponent, walk } from './component-rules.ts';

/** A file of the message as components show it; `undefined` where the URL points elsewhere. */
export interface Media {
  id: string;
  url: string;
  proxy_url: string;
  width?: number | null;
  height?: number | null;
  content_type?: string;
  attachment_id?: string;
  /** For file components. */
  name: string | null;
  size: number | null;
}

/**
 * Components as Discord answers with them: ids given, defaults filled in, nulls dropped, media resolved.
 * @param media what a `url` of the request stands for: `attachment://name` or any other
 */
export function answeredComponents(
  components: readonly APIMessageTopLevelComponent[],
  media: (url: string) => Media,
): APIMessageTopLevelComponent[] {
  const request = components as unknown as readonly AnyComponent[];
  const taken = new Set([...walk(request)].map(({ component }) => component.id));
  let last = 0;
  const nextId = () => {
    do last += 1;
    while (taken.has(last));
    return last;
  };
  return request.map((component) => answered(component, nextId, media)) as unknown as APIMessageTopLevelComponent[];
}

function answered(component: AnyComponent, nextId: () => number, media: (url: string) => Media): AnyComponent {
  const id = component.id || nextId();
  const inside = (child: AnyComponent) => answered(child, nextId, media);
  const unfurled = (item: unknown) => {
    const { name: _name, size: _size, ...shown } = media((item as { url: string }).url);
    return shown;
  };
  const given = { ...withoutNulls(component), id } as AnyComponent;
  const shown = { description: component.description ?? null, spoiler: component.spoiler ?? false };
  switch (component.type) {
    case ComponentType.ActionRow:
      return { ...given, components: component.components!.map(inside) };
    case ComponentType.StringSelect:
    case ComponentType.UserSelect:
    case ComponentType.RoleSelect:
    case ComponentType.MentionableSelect:
    case ComponentType.ChannelSelect:
      return { ...given, min_values: component.min_values ?? 1, max_values: component.max_values ?? 1 };
    case ComponentType.Section:
      return { ...given, components: component.components!.map(inside), accessory: inside(component.accessory!) };
    case ComponentType.Thumbnail:
      return { ...given, ...shown, media: unfurled(component.media) };
    case ComponentType.MediaGallery:
      return {
        ...given,
        items: (component.items as AnyComponent[]).map((item) => ({
          media: unfurled(item.media),
          description: item.description ?? null,
          spoiler: item.spoiler ?? false,
        })),
      };
    case ComponentType.File: {
      const { name, size } = media((component.file as { url: string }).url);
      return { ...given, file: unfurled(component.file), name, size, spoiler: component.spoiler ?? false };
    }
    case ComponentType.Separator:
      return { ...given, spacing: component.spacing ?? 1, divider: component.divider ?? true };
    case ComponentType.Container:
      return {
        ...given,
        accent_color: component.accent_color ?? null,
        spoiler: component.spoiler ?? false,
        components: component.components!.map(inside),
      };
    default:
      return given;
  }
}

/** Also inside: an emoji's absent id and a select's options. */
export function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)])) as T;
}

/** The component with this custom id, disabled or not. */
export const findComponent = (components: readonly unknown[] | undefined, customId: string): AnyComponent | undefined =>
  [...walk((components ?? []) as AnyComponent[])].find(({ component }) => component.custom_id === customId)?.component;
