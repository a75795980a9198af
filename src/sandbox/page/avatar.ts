import type { APIUser } from 'discord-api-types/v10';
import { html, svg, type TemplateResult } from 'lit';

const COLOURS = ['#a5527a', '#2f7f78', '#7a5bd0', '#a0662a'];

export const displayName = (user: APIUser): string => user.global_name ?? user.username;

/** Drawn here, so that nothing is fetched: initials for people, four pictures for the bot. */
export function avatar(user: APIUser, size = 40): TemplateResult {
  const face = user.bot ? fourPictures : initial(user);
  return html`<svg class="avatar" width=${size} height=${size} viewBox="0 0 40 40" aria-hidden="true">${face}</svg>`;
}

const fourPictures = svg`
  <circle cx="20" cy="20" r="20" fill="#5865f2"></circle>
  <rect x="11" y="11" width="8" height="8" rx="2" fill="#fff"></rect>
  <rect x="21" y="11" width="8" height="8" rx="2" fill="#ffd166"></rect>
  <rect x="11" y="21" width="8" height="8" rx="2" fill="#7ee8c4"></rect>
  <rect x="21" y="21" width="8" height="8" rx="2" fill="#ff8fa3"></rect>`;

const initial = (user: APIUser) => svg`
  <circle cx="20" cy="20" r="20" fill=${COLOURS[Number(BigInt(user.id) % BigInt(COLOURS.length))]!}></circle>
  <text x="20" y="27" text-anchor="middle" font-size="19" font-weight="600" fill="#fff">${displayName(user)[0]}</text>`;
