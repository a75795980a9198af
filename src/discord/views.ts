import { type APIActionRowComponent, type APIButtonComponent, ButtonStyle, ComponentType } from 'discord-api-types/v10';
import type { Reply, Task } from '../queue/messages.ts';
import { pictureNames, type Recipe } from '../recipe.ts';
import { type Action, encodeCustomId } from './custom-id.ts';
import { ALT_TEXT_LENGTH, CONTENT_LENGTH } from './limits.ts';
import type { MessageView, TextView } from './message-view.ts';
import { plain, shorten } from './text.ts';

/** What a view shows of a job; a `DrawJob` is one. */
export interface Shown {
  reply: Pick<Reply, 'userId' | 'interaction'>;
  /** Absent for a job that this version doesn't know. */
  task?: Task;
  /** Of the pictures that a redraw or variation starts from, once their recipe is read. */
  prompt?: string | undefined;
}

/** One finished picture, or an animation. */
export interface Picture {
  recipe: Recipe;
  /** Of an animation: it holds no recipe to draw again from. */
  extension?: 'gif';
  /** The end of a prompt that was too long for the model. */
  unread?: string;
  /** The model can make it larger. */
  canGrow?: boolean;
  /** The file. */
  data: Uint8Array;
}

export interface Progress {
  /** Not drawing yet, but looking for the noise that a picture is drawn from. */
  stage?: 'inversion';
  /** Steps done of `steps`. */
  step: number;
  steps: number;
  /** Since the drawing began. */
  seconds: number;
  /** WebP files of what the pictures look like so far; absent, the message keeps the previous ones. */
  previews?: readonly Uint8Array[];
}

/** Waiting in the queue. @param ahead how many drawings come first; undefined is unknown */
export function queued(shown: Shown, ahead?: number): TextView {
  const place = ahead === undefined ? '' : ahead === 0 ? ' · next in line' : ` · ${ahead} ahead in line`;
  return { content: lines(title(shown), `⏳ Queued${place}`), components: [cancelRow(shown)] };
}

/** Being drawn: bar, percentage, step, seconds, and the pictures so far. */
export function drawing(shown: Shown, { stage, step, steps, seconds, previews }: Progress): MessageView {
  const done = Math.min(1, step / steps);
  const bar = '▰'.repeat(Math.round(done * 10)).padEnd(10, '▱');
  const percent = Math.floor(done * 100);
  const files = previews?.map((data, i) => ({
    name: `preview-${i + 1}.webp`,
    alt: altText(shown, i, previews.length, `preview at ${percent} %`),
    data,
  }));
  return {
    content: lines(
      title(shown),
      `${bar} ${percent} % · ${stage ? 'inversion, ' : ''}step ${step} of ${steps} · ${duration(seconds)}`,
    ),
    components: [cancelRow(shown)],
    ...(files && { files }),
  };
}

/** The pictures, and all that is needed to draw them again. @param pictures one to four, alike but for their seeds */
export function finished(shown: Shown, pictures: readonly [Picture, ...Picture[]], seconds: number): MessageView {
  const { recipe, unread } = pictures[0];
  const names = pictureNames(pictures.map((picture) => picture.recipe));
  const asked: Shown = { ...shown, prompt: recipe.prompt ?? shown.prompt };
  const ignored = unread ? `-# too long for the model, not read: ${plain(unread, 200)}` : '';
  const negative = recipe.negativePrompt ? `-# without: ${plain(recipe.negativePrompt, 200)}` : '';
  return {
    content: lines(title(asked), negative, ignored, `-# ${settingsLine(pictures, seconds)}`),
    components: pictures.some(({ extension }) => extension)
      ? [row([deleteButton(shown)])]
      : [
          row(pictures.map((_, i) => pictureButton('Variations', '🎲', 'variations', i, pictures.length))),
          row(pictures.map((_, i) => pictureButton('Modify', '✏️', 'modify', i, pictures.length))),
          ...(pictures.every(({ canGrow }) => canGrow)
            ? [row(pictures.map((_, i) => pictureButton('Upscale', '🔍', 'upscale', i, pictures.length)))]
            : []),
          row([
            button('Guidance −', '➖', { action: 'guidance', step: -1 }),
            button('Guidance +', '➕', { action: 'guidance', step: 1 }),
            button('Rerun', '🔁', { action: 'rerun' }),
            deleteButton(shown),
          ]),
        ],
    files: pictures.map(({ data, extension = 'png' }, i) => ({
      name: names[i]!.replace(/png$/, extension),
      alt: altText(asked, i, pictures.length),
      data,
    })),
  };
}

/** Wrong input, shown in place of the pictures where no ephemeral reply is possible any more. */
export function refused(shown: Shown, message: string): MessageView {
  return ended(shown, errorText(message));
}

export function cancelled(shown: Shown): MessageView {
  return ended(shown, '🚫 Cancelled');
}

/** Given up. @param reason for people @param errorId stands beside the error in the log */
export function failed(shown: Shown, reason: string, errorId: string): MessageView {
  return ended(shown, `💥 Sorry, ${plain(reason, 700)}. It's in the log as \`${errorId}\`.`);
}

/** The text of an error that the person who asked can mend. */
export function errorText(message: string): string {
  return `⚠️ ${plain(message, 700)}`;
}

/** The text of an error that is ours. */
export function apology(errorId: string): string {
  return `💥 Sorry, that went wrong on our side. It's in the log as \`${errorId}\`; please try again.`;
}

function ended(shown: Shown, text: string) {
  return { content: lines(title(shown), text), components: [row([deleteButton(shown)])], files: [] };
}

/** What was asked for; and by whom, where Discord doesn't say so itself (a reaction is no command). */
function title({ task, reply, prompt }: Shown): string {
  const by = reply.interaction ? '' : ` · for <@${reply.userId}>`;
  return task ? `${subject(task, prompt)}${by}` : '';
}

function subject(task: Task, prompt: string | undefined): string {
  const words = (text: string | undefined) => (text === undefined ? '' : `**${plain(text, 300)}** · `);
  const known = words(prompt);
  switch (task.kind) {
    case 'imagine':
      return `**${plain(task.prompt, 300)}**`;
    case 'blend': {
      const things = [
        ...task.pictures.map(({ name }) => plain(name, 60)),
        ...(task.prompt ? [plain(task.prompt, 300)] : []),
      ];
      const weights = task.weights ? ` · weights ${task.weights.join(', ')}` : '';
      return `**Blend** of ${listed(things)}${weights}`;
    }
    case 'variations':
      return `${known}**Variations** of ${plain(task.pictures[0].name, 60)}`;
    case 'reconstruct':
      return `**Reconstruction** of ${plain(task.pictures[0].name, 60)}`;
    case 'modify':
      return `${words(task.prompt)}**Modification** of ${plain(task.pictures[0].name, 60)} · strength ${task.strengths.join(', ')}`;
    case 'interpolate':
      return `**Interpolation** of ${listed(task.pictures.map(({ name }) => plain(name, 60)))}`;
    case 'img2img':
      return `${words(task.prompt)}**Restyle** of ${plain(task.pictures[0].name, 60)} · strength ${task.strength}`;
    case 'inpaint':
      return `${words(task.prompt)}**Inpainting** of ${plain(task.pictures[0]!.name, 60)}`;
    case 'pca':
      return `**Principal components** of ${plain(task.pictures[0].name, 60)}`;
    case 'upscale':
      return `${known}**Upscale** of ${plain(task.pictures[0].name, 60)}`;
    case 'redraw':
      return `${known}${task.guidanceStep === undefined ? '**Rerun**' : `**Guidance ${signed(task.guidanceStep)}**`}`;
  }
}

/** a, b and c */
function listed(things: readonly string[]): string {
  return things.length < 2 ? things.join() : `${things.slice(0, -1).join(', ')} and ${things.at(-1)}`;
}

function settingsLine(pictures: readonly [Picture, ...Picture[]], seconds: number): string {
  const { steps, guidanceScale, sampler, model } = pictures[0].recipe;
  return [
    seedText(pictures.map(({ recipe }) => recipe.seed)),
    `guidance ${scale(guidanceScale)}`,
    ...priorText(pictures[0].recipe),
    `steps ${steps}`,
    `sampler ${sampler}`,
    `model ${plain(model, 60)}`,
    duration(seconds),
  ].join(' · ');
}

/** Nothing where z_i is that of a picture, and no prior was asked. */
function priorText({
  operation,
  prompt,
  imageEmbedding,
  prior,
  priorSamples = 1,
  priorGuidanceScale,
}: Recipe): string[] {
  const isOfText = imageEmbedding === undefined || (operation === 'blend' && prompt !== undefined);
  if (!isOfText) return [];
  if (prior === 'none') return ['no prior'];
  const best = priorSamples > 1 ? `, best of ${priorSamples}` : '';
  return [`${prior === 'ar' ? 'AR ' : ''}prior guidance ${scale(priorGuidanceScale)}${best}`];
}

/** Seeds mostly count on from the first. */
function seedText(seeds: readonly number[]): string {
  const [first, ...others] = seeds;
  if (others.length === 0) return `seed ${first}`;
  if (others.every((seed) => seed === first)) return `seed ${first}`;
  const countOn = others.every((seed, i) => seed === (first as number) + i + 1);
  return `seeds ${countOn ? `${first} to ${others.at(-1)}` : seeds.join(', ')}`;
}

/** The whole prompt, and which of the pictures it is. */
function altText({ task, prompt }: Shown, index: number, count: number, note?: string): string {
  const asked = task && 'prompt' in task ? task.prompt : undefined;
  const text = asked ?? prompt ?? `${task?.kind ?? 'redraw'} of a picture`;
  const which = count === 1 ? '' : `${index + 1} of ${count}: `;
  return shorten(`${which}${note === undefined ? '' : `${note}: `}${text}`, ALT_TEXT_LENGTH);
}

/** For one picture of several. */
function pictureButton(
  name: string,
  emoji: string,
  action: 'variations' | 'modify' | 'upscale',
  picture: number,
  count: number,
): APIButtonComponent {
  return button(count === 1 ? name : `${name} ${picture + 1}`, emoji, { action, picture });
}

function deleteButton({ reply }: Shown): APIButtonComponent {
  return button('Delete', '❌', { action: 'delete', ownerId: reply.userId });
}

function cancelRow({ reply }: Shown) {
  return row([button('Cancel', '🚫', { action: 'cancel', ownerId: reply.userId })]);
}

function button(label: string, emoji: string, action: Action): APIButtonComponent {
  return {
    type: ComponentType.Button,
    style: ButtonStyle.Secondary,
    label,
    emoji: { name: emoji },
    custom_id: encodeCustomId(action),
  };
}

function row(components: APIButtonComponent[]): APIActionRowComponent<APIButtonComponent> {
  return { type: ComponentType.ActionRow, components };
}

function lines(...texts: string[]): string {
  return shorten(texts.filter(Boolean).join('\n'), CONTENT_LENGTH);
}

function duration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

/** Without the tail of a sum like 4.35 − 1 = 3.3499999999999996. */
function scale(guidance: number): string {
  return String(Number(guidance.toPrecision(6)));
}

function signed(n: number): string {
  return n < 0 ? `−${-n}` : `+${n}`;
}
