import { CHOICE_LENGTH, CHOICES_PER_AUTOCOMPLETE } from '../../discord/limits.ts';

/** What the bundled model draws well; style words at the end work with any of them. */
const EXAMPLES = [
  'red heart',
  'grinning face',
  'hamburger',
  'red apple',
  'pizza',
  'dog face',
  'cat face',
  'rocket',
  'house',
  'christmas tree',
  'sun with face',
  'crying face',
  'green heart, noto style',
  'blue circle',
  'purple heart, fluent 3d style',
  'wrapped gift',
  'sunflower',
  'strawberry',
  'penguin',
  'key',
];

/** Prompts that go on from what was typed so far: the person's own first, then examples. At most 25. */
export function promptChoices(typed: string, recent: readonly string[]): { name: string; value: string }[] {
  const wanted = typed.trim().toLowerCase();
  return [...new Set([...recent, ...EXAMPLES])]
    .filter((prompt) => prompt.length <= CHOICE_LENGTH)
    .filter((prompt) => prompt.toLowerCase().includes(wanted) && prompt.toLowerCase() !== wanted)
    .slice(0, CHOICES_PER_AUTOCOMPLETE)
    .map((prompt) => ({ name: prompt, value: prompt }));
}
