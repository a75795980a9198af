import {
  AllowedMentionsTypes,
  type APIAllowedMentions,
  type APIAttachment,
  type APIEmbed,
  type APIMessageTopLevelComponent,
  type APIUser,
  MessageFlags,
  type RESTAPIAttachment,
} from 'discord-api-types/v10';
import { emptyMessage, type FormProblem, invalidForm } from './api-error.ts';
import type { Attachments, Upload } from './attachments.ts';
import { componentProblems } from './component-rules.ts';
import { answeredComponents, type Media, withoutNulls } from './components.ts';
import { findUser } from './world.ts';

/** What requests that write a message have in common. */
export interface MessageBody {
  content?: string | null;
  embeds?: APIEmbed[] | null;
  components?: APIMessageTopLevelComponent[] | null;
  attachments?: RESTAPIAttachment[] | null;
  flags?: number | null;
  allowed_mentions?: APIAllowedMentions | null;
  sticker_ids?: string[] | null;
  poll?: unknown;
}

/** The part of a message that such a request sets. */
export interface Content {
  content: string;
  embeds: APIEmbed[];
  components: APIMessageTopLevelComponent[];
  flags: number;
  /** All files, those shown by embeds and components too. */
  files: APIAttachment[];
}

export const NO_CONTENT: Content = { content: '', embeds: [], components: [], flags: 0, files: [] };

const MAX_CONTENT = 2000;
const MAX_EMBED_TEXT = 6000;
const SETTABLE_FLAGS = MessageFlags.SuppressEmbeds | MessageFlags.IsComponentsV2;
const LEGACY_FIELDS = ['content', 'embeds', 'sticker_ids', 'poll'] as const;

export interface Place {
  channelId: string;
  ephemeral: boolean;
}

/**
 * The message after the request: what it leaves out stays, null clears.
 * Throws ApiError where the result breaks one of Discord's rules; files no longer needed are left to the caller.
 */
export async function applyBody(
  old: Content,
  body: MessageBody,
  uploads: readonly Upload[],
  place: Place,
  attachments: Attachments,
): Promise<Content> {
  const flags = (old.flags & ~MessageFlags.SuppressEmbeds) | ((body.flags ?? old.flags) & SETTABLE_FLAGS);
  const next = {
    content: body.content === undefined ? old.content : (body.content ?? '').trim(),
    embeds: body.embeds === undefined ? old.embeds : (body.embeds ?? []),
    flags,
  };
  const problems = [...contentProblems(next, body), ...componentProblems(body.components ?? [], flags)];
  if (problems.length > 0) throw invalidForm(problems);

  const files = await attachments.apply(old.files, body.attachments, uploads, place.channelId, place.ephemeral);
  const media = mediaFinder(files);
  const components = body.components === undefined ? old.components : answeredComponents(body.components ?? [], media);
  const embeds = body.embeds === undefined ? old.embeds : next.embeds.map((embed) => answeredEmbed(embed, media));
  if (!next.content && embeds.length + components.length + files.length === 0) throw emptyMessage();
  return { ...next, embeds, components, files };
}

function contentProblems(next: Omit<Content, 'components' | 'files'>, body: MessageBody): FormProblem[] {
  const problems: FormProblem[] = [];
  if (next.flags & MessageFlags.IsComponentsV2) {
    for (const field of LEGACY_FIELDS) {
      const value = field === 'content' || field === 'embeds' ? next[field] : body[field];
      if (!value || (Array.isArray(value) && value.length === 0)) continue;
      problems.push({
        path: [field],
        code: 'MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2',
        message: `The '${field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2`,
      });
    }
  }
  if (next.content.length > MAX_CONTENT) {
    problems.push({
      path: ['content'],
      code: 'BASE_TYPE_MAX_LENGTH',
      message: `Must be ${MAX_CONTENT} or fewer in length.`,
    });
  }
  if (next.embeds.reduce((sum, embed) => sum + textLength(embed), 0) > MAX_EMBED_TEXT) {
    const message = `Embed size exceeds maximum size of ${MAX_EMBED_TEXT}`;
    problems.push({ path: ['embeds'], code: 'MAX_EMBED_SIZE_EXCEEDED', message });
  }
  for (const field of ['poll', 'sticker_ids'] as const) {
    const value = body[field];
    if (!value || (Array.isArray(value) && value.length === 0)) continue;
    problems.push({ path: [field], code: 'UNAVAILABLE', message: `The local Discord has no such thing as '${field}'` });
  }
  return problems;
}

const textLength = ({ title, description, footer, author, fields = [] }: APIEmbed) =>
  [title, description, footer?.text, author?.name, ...fields.flatMap(({ name, value }) => [name, value])].reduce(
    (sum, text) => sum + (text?.length ?? 0),
    0,
  );

/** Resolves `attachment://name`, and the URL of a file that the message already has. */
const mediaFinder =
  (files: readonly APIAttachment[]) =>
  (url: string): Media => {
    const name = url.startsWith('attachment://') ? decodeURIComponent(url.slice('attachment://'.length)) : undefined;
    const file = files.find((file) => file.filename === name || file.url === url);
    if (file) {
      const { id, width = null, height = null, proxy_url, content_type, filename, size } = file;
      const picture = { width, height, ...(content_type && { content_type }) };
      return { id, url: file.url, proxy_url, ...picture, attachment_id: id, name: filename, size };
    }
    if (name === undefined) return { id: '0', url, proxy_url: url, name: null, size: null };
    throw invalidForm([
      {
        path: ['components'],
        code: 'UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND',
        message: `The referenced attachment was not found: ${name}`,
      },
    ]);
  };

function answeredEmbed(embed: APIEmbed, media: (url: string) => Media): APIEmbed {
  const picture = (image: { url: string } | null | undefined) => {
    if (!image) return undefined;
    const { url, proxy_url, width, height } = media(image.url);
    return withoutNulls({ url, proxy_url, width, height });
  };
  return withoutNulls({
    ...embed,
    type: 'rich',
    image: picture(embed.image),
    thumbnail: picture(embed.thumbnail),
  } as APIEmbed);
}

/** Files that embeds or components show are not listed among the message's attachments. */
export function listedAttachments({ files, embeds, components }: Content): APIAttachment[] {
  const shown = JSON.stringify([embeds, components]);
  return files.filter(({ url }) => !shown.includes(url));
}

/** The people named by `<@id>` who are also allowed to be pinged. */
export function mentionedUsers(content: string, allowed: APIAllowedMentions | null | undefined): APIUser[] {
  const named = new Set([...content.matchAll(/<@!?(\d+)>/g)].map((match) => match[1]!));
  const permitted = (id: string) =>
    !allowed || allowed.parse?.includes(AllowedMentionsTypes.User) || allowed.users?.includes(id) || false;
  return [...named].filter(permitted).flatMap((id) => findUser(id) ?? []);
}
