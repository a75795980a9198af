import { type APIMessageTopLevelComponent, ButtonStyle, ComponentType, MessageFlags } from 'discord-api-types/v10';
import type { FormProblem } from './api-error.ts';

/** Discord's rules on components that its published schemas don't express. */

const MAX_COMPONENTS = 40;
const MAX_TEXT = 4000;
const MAX_ROWS = 5;
const MAX_BUTTONS_IN_ROW = 5;

/** Any component as it came in the request, already checked against the schema. */
export interface AnyComponent {
  type: ComponentType;
  id?: number | null;
  custom_id?: string | null;
  components?: AnyComponent[];
  accessory?: AnyComponent;
  [key: string]: unknown;
}
type Path = readonly PropertyKey[];
interface Placed {
  component: AnyComponent;
  path: Path;
}

/** The components and all inside them, with their places. */
export function* walk(components: readonly AnyComponent[], above: Path = ['components']): Generator<Placed> {
  for (const [i, component] of components.entries()) {
    const path = [...above, i];
    yield { component, path };
    if (component.components) yield* walk(component.components, [...path, 'components']);
    if (component.accessory) yield { component: component.accessory, path: [...path, 'accessory'] };
  }
}

export function componentProblems(top: readonly APIMessageTopLevelComponent[], flags: number): FormProblem[] {
  const components = top as unknown as readonly AnyComponent[];
  const all = [...walk(components)];
  return [
    ...(flags & MessageFlags.IsComponentsV2 ? totals(all) : classicLayout(components)),
    ...duplicates(all, 'custom_id', 'COMPONENT_CUSTOM_ID_DUPLICATED', 'Component custom id cannot be duplicated'),
    ...duplicates(all, 'id', 'COMPONENT_ID_DUPLICATED', 'Component id cannot be duplicated'),
    ...all.flatMap(({ component, path }) => {
      if (component.type === ComponentType.ActionRow) return rowProblems(component, path);
      if (component.type === ComponentType.Button) return buttonProblems(component, path);
      return [];
    }),
  ];
}

function totals(all: readonly Placed[]): FormProblem[] {
  const problems: FormProblem[] = [];
  if (all.length > MAX_COMPONENTS) {
    problems.push({
      path: ['components'],
      code: 'BASE_TYPE_BAD_LENGTH',
      message: `A message can hold ${MAX_COMPONENTS} components in all, found ${all.length}.`,
    });
  }
  const text = all.reduce(
    (sum, { component }) => sum + (typeof component.content === 'string' ? component.content.length : 0),
    0,
  );
  if (text > MAX_TEXT) {
    problems.push({
      path: ['components'],
      code: 'COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED',
      message: `The displayable text exceeds the maximum size of ${MAX_TEXT} characters, found ${text}.`,
    });
  }
  return problems;
}

function classicLayout(components: readonly AnyComponent[]): FormProblem[] {
  const problems: FormProblem[] = [];
  if (components.length > MAX_ROWS) {
    problems.push({
      path: ['components'],
      code: 'BASE_TYPE_BAD_LENGTH',
      message: `Must be ${MAX_ROWS} or fewer in length.`,
    });
  }
  for (const [i, { type }] of components.entries()) {
    if (type === ComponentType.ActionRow) continue;
    problems.push({
      path: ['components', i],
      code: 'UNION_TYPE_CHOICES',
      message: `Value of field "type" must be one of (1,) without the flag IS_COMPONENTS_V2, found ${type}.`,
    });
  }
  return problems;
}

function duplicates(all: readonly Placed[], key: 'custom_id' | 'id', code: string, message: string): FormProblem[] {
  const seen = new Set<unknown>();
  return all.flatMap(({ component, path }) => {
    const value = component[key];
    if (value === undefined || value === null || value === 0) return [];
    if (!seen.has(value)) {
      seen.add(value);
      return [];
    }
    return [{ path: [...path, key], code, message }];
  });
}

function rowProblems(row: AnyComponent, path: Path): FormProblem[] {
  const children = row.components ?? [];
  const buttons = children.filter(({ type }) => type === ComponentType.Button).length;
  const fits = buttons === children.length ? buttons <= MAX_BUTTONS_IN_ROW : children.length === 1;
  if (fits) return [];
  return [
    {
      path: [...path, 'components'],
      code: 'COMPONENT_LAYOUT_WIDTH_EXCEEDED',
      message: `The layout exceeds a maximum width: a row holds ${MAX_BUTTONS_IN_ROW} buttons or one menu.`,
    },
  ];
}

function buttonProblems(button: AnyComponent, path: Path): FormProblem[] {
  const problems: FormProblem[] = [];
  const demand = (key: string, wanted: boolean, message: string) => {
    const present = button[key] !== undefined && button[key] !== null;
    if (present === wanted) return;
    problems.push({ path: [...path, key], code: wanted ? 'BASE_TYPE_REQUIRED' : 'BUTTON_FIELD_NOT_ALLOWED', message });
  };
  const isLink = button.style === ButtonStyle.Link;
  const isPremium = button.style === ButtonStyle.Premium;
  demand('url', isLink, isLink ? 'A url is required' : 'Only link buttons have a url');
  demand('custom_id', !isLink && !isPremium, isLink ? 'A link button has no custom id' : 'A custom id is required');
  if (!isPremium && !button.label && !button.emoji) {
    problems.push({ path, code: 'BUTTON_COMPONENT_EMPTY', message: 'A button needs a label or an emoji' });
  }
  return problems;
}
