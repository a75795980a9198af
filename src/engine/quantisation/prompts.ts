const THINGS = ['apple', 'car', 'cat', 'fish', 'flower', 'heart', 'house', 'bird', 'book', 'cup', 'tree', 'star'];
const KINDS = ['red', 'blue', 'green', 'yellow', 'purple', 'small', 'smiling', 'old', 'golden', 'flying'];

/** 120 prompts that calibration has not seen, for judging what became of pictures. */
export const COMPARISON_PROMPTS: readonly string[] = THINGS.flatMap((thing) => KINDS.map((kind) => `${kind} ${thing}`));

/** Of all sorts: ranges have to hold for whatever will be asked for. */
export const CALIBRATION_PROMPTS: readonly string[] = [
  ...['grinning face', 'red heart', 'pizza', 'sun behind cloud', 'rocket', 'robot', 'green book', 'panda'],
  ...[
    'a house with a garden',
    'birthday cake',
    'a black cat at night',
    'white paper',
    'fireworks',
    'a crowd of people',
  ],
  ...['soccer ball', 'sunflower', 'a blue car', 'snowman', 'purple circle', 'angry face', 'an old castle', 'rainbow'],
  ...['key', 'a portrait of a woman'],
];
