import type { Action } from '../discord/custom-id.ts';
import { InputError } from '../errors.ts';
import type { PictureSource, Task } from '../queue/messages.ts';
import { randomSeed } from '../typed-settings.ts';

/** The actions that draw anew from the pictures of a message. */
export type DrawAgain = Extract<Action, { action: 'variations' | 'guidance' | 'rerun' }>;

/** @throws InputError for a picture that isn't there */
export function taskOf(action: DrawAgain, pictures: [PictureSource, ...PictureSource[]]): Task {
  switch (action.action) {
    case 'variations': {
      const picture = pictures[action.picture];
      if (!picture) throw new InputError(`this message has ${pictures.length} pictures, not ${action.picture + 1}`);
      return { kind: 'variations', pictures: [picture], settings: { seed: randomSeed() } };
    }
    case 'guidance':
      return { kind: 'redraw', pictures, guidanceStep: action.step, settings: {} };
    case 'rerun':
      return { kind: 'redraw', pictures, settings: { seed: randomSeed() } };
  }
}
