import { svg } from 'lit';

const icon = (path: string, size = 20, stroke = 2) =>
  svg`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width=${stroke} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${path}></path></svg>`;

export const icons = {
  hash: icon('M5 9h15 M4 15h15 M10 4 8 20 M16 4l-2 16'),
  menu: icon('M4 6h16 M4 12h16 M4 18h16'),
  plus: icon('M12 5v14 M5 12h14'),
  send: icon('M4 4l17 8-17 8 3-8z M7 12h8'),
  more: icon('M5 12h.01 M12 12h.01 M19 12h.01', 20, 3.5),
  smile: icon('M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18 M8 14s1.5 2.5 4 2.5 4-2.5 4-2.5 M9 9.5h.01 M15 9.5h.01'),
  trash: icon('M4 7h16 M9 7V4h6v3 M6 7l1 13h10l1-13 M10 11v5 M14 11v5'),
  reply: icon('M10 8V4l-7 7 7 7v-4c5 0 8 1.5 10 5 0-6-3-11-10-11'),
  close: icon('M6 6l12 12 M18 6 6 18'),
  back: icon('M15 5l-7 7 7 7'),
  forward: icon('M9 5l7 7-7 7'),
  down: icon('M12 5v14 M6 13l6 6 6-6', 16),
  eye: icon('M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12 M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6', 16),
  alert: icon('M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18 M12 8v5 M12 16.5h.01', 16),
  file: icon('M13 3H6v18h12V8z M13 3v5h5', 32),
  upload: icon('M12 16V4 M7 9l5-5 5 5 M4 16v4h16v-4', 40),
  external: icon('M14 4h6v6 M20 4l-9 9 M18 14v6H4V6h6', 14),
};
