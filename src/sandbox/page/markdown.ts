import type { APIUser } from 'discord-api-types/v10';
import { parse } from 'discord-markdown-parser';
import { html, type nothing, type TemplateResult } from 'lit';
import { displayName } from './avatar.ts';
import { fullTime, relativeTime } from './times.ts';

interface Node {
  type: string;
  content?: string | Node[];
  [key: string]: unknown;
}
type Rendered = TemplateResult | string | typeof nothing | Rendered[];

/** Text of a message as Discord formats it. @param people those whom mentions name */
export function markdown(text: string, people: readonly APIUser[]): Rendered {
  const nodes = parse(text, 'normal') as unknown as Node[];
  return nodes.map((node) => render(node, people));
}

/** The same text in one line, without its formatting. */
export function plainText(text: string, people: readonly APIUser[]): string {
  const nodes = parse(text, 'normal') as unknown as Node[];
  return nodes
    .map((node) => plain(node, people))
    .join('')
    .trim();
}

function plain(node: Node, people: readonly APIUser[]): string {
  const { type, content, name } = node;
  if (type === 'br') return ' ';
  if (type === 'user') return mention(node, people);
  const text = Array.isArray(content) ? content.map((child) => plain(child, people)).join('') : content;
  return `${text ?? name ?? ''}${LINES.includes(type) ? ' ' : ''}`;
}

/** They hold the line break after them. */
const LINES = ['subtext', 'heading'];

function mention({ id }: Node, people: readonly APIUser[]): string {
  const user = people.find((user) => user.id === id);
  return `@${user ? displayName(user) : 'unknown-user'}`;
}

function render(node: Node, people: readonly APIUser[]): Rendered {
  const inside = () =>
    Array.isArray(node.content) ? node.content.map((child) => render(child, people)) : (node.content ?? '');
  switch (node.type) {
    case 'br':
      return html`<br />`;
    case 'strong':
      return html`<strong>${inside()}</strong>`;
    case 'em':
      return html`<em>${inside()}</em>`;
    case 'underline':
      return html`<u>${inside()}</u>`;
    case 'strikethrough':
      return html`<s>${inside()}</s>`;
    case 'inlineCode':
      return html`<code>${node.content}</code>`;
    case 'codeBlock':
      return html`<pre tabindex="0"><code>${node.content}</code></pre>`;
    case 'blockQuote':
      return html`<blockquote>${inside()}</blockquote>`;
    case 'subtext':
      return html`<small class="subtext">${inside()}</small>`;
    case 'heading':
      return html`<p class="heading level-${node.level}">${inside()}</p>`;
    case 'spoiler':
      return html`<details class="spoiler"><summary>Spoiler</summary>${inside()}</details>`;
    case 'link':
    case 'url':
    case 'autolink':
      return link(String(node.target), inside());
    case 'timestamp': {
      const date = new Date(Number(node.timestamp) * 1000);
      return html`<time datetime=${date.toISOString()} title=${fullTime(date)}>${relativeTime(date)}</time>`;
    }
    case 'user':
      return html`<span class="mention">${mention(node, people)}</span>`;
    case 'twemoji':
    case 'emoticon':
      return String(node.name ?? node.content);
    default:
      return inside();
  }
}

function link(target: string, label: Rendered): Rendered {
  if (!/^https?:/.test(target)) return label;
  return html`<a href=${target} target="_blank" rel="noreferrer noopener">${label}</a>`;
}
