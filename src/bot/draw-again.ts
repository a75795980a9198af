import type { Message } from 'discord.js';
import type { Action } from '../discord/custom-id.ts';
import type { Task } from '../queue/messages.ts';
import { randomSeed } from '../typed-settings.ts';
import { pictureOf, picturesOf } from './message-pictures.ts';

/** The actions that draw anew from the pictures of a message. */
export type DrawAgain = Extract<Action, { action: 'variations' | 'upscale' | 'guidance' | 'rerun' }>;

/** @throws InputError for a picture that isn't there */
export function taskOf(action: DrawAgain, message: Message): Task {
  switch (action.action) {
    case 'variations': {
      const picture = pictureOf(message, action.picture);
      return { kind: 'variations', pictures: [picture], settings: { seed: randomSeed() } };
    }
    case 'upscale':
      return { kind: 'upscale', pictures: [pictureOf(message, action.picture)] };
    case 'guidance':
      return { kind: 'redraw', pictures: picturesOf(message), guidanceStep: action.step, settings: {} };
    case 'rerun':
      return { kind: 'redraw', pictures: picturesOf(message), settings: { seed: randomSeed() } };
  }
}
