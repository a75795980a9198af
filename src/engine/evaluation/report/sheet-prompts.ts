/**
 * What the contact sheet shows, written down before any model had drawn it: eight rows of eight. Names from all of Unicode's
 * groups, words that are no names, and in the last two rows styles and colours.
 */
export const SHEET_PROMPTS: readonly string[] = [
  ...['grinning face', 'crying face', 'angry face', 'smiling face with sunglasses', 'ghost', 'robot', 'skull', 'alien'],
  ...['dog face', 'cat face', 'panda', 'fox', 'frog', 'fish', 'butterfly', 'owl'],
  ...['red apple', 'banana', 'pizza', 'hamburger', 'birthday cake', 'hot beverage', 'ice cream', 'strawberry'],
  ...['tree', 'cactus', 'sunflower', 'rose', 'sun', 'cloud', 'rainbow', 'snowman'],
  ...['automobile', 'bicycle', 'airplane', 'sailboat', 'rocket', 'locomotive', 'house', 'castle'],
  ...['red heart', 'star', 'key', 'light bulb', 'umbrella', 'guitar', 'soccer ball', 'wrapped gift'],
  ...['a happy person', 'spaniel', 'something to drink', 'a flower', 'winter', 'love', 'money', 'a scary monster'],
  ...[
    'pig face, noto style',
    'crab, twemoji style',
    'tiger face in fluent 3d style',
    'a doodle emoji of lion',
    'blue heart',
    'green book',
    'a yellow car',
    'purple circle',
  ],
];
