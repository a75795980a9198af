const clock = new Intl.DateTimeFormat('en', { hour: 'numeric', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en', { year: 'numeric', month: 'long', day: 'numeric' });
const full = new Intl.DateTimeFormat('en', { dateStyle: 'full', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const dayNumber = (date: Date) => Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / 86_400_000);

/** `10:40 AM` today, `Yesterday at 10:40 AM`, otherwise the date. */
export function shortTime(date: Date): string {
  const ago = dayNumber(new Date()) - dayNumber(date);
  if (ago === 0) return `Today at ${clock.format(date)}`;
  if (ago === 1) return `Yesterday at ${clock.format(date)}`;
  return `${date.toLocaleDateString('en')} ${clock.format(date)}`;
}

export const clockTime = (date: Date): string => clock.format(date);
export const fullTime = (date: Date): string => full.format(date);
export const dayName = (date: Date): string => day.format(date);
export const isSameDay = (a: Date, b: Date): boolean => dayNumber(a) === dayNumber(b);

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `in 5 minutes`, `2 hours ago`. */
export function relativeTime(date: Date): string {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS[3];
  return relative.format(Math.trunc(seconds / size), unit);
}
