import sharp from 'sharp';
import type { Model } from '../../pipeline/model.ts';
import { contactSheet } from '../../training/data/contact-sheet.ts';
import { PICTURE_SIZE } from '../../training/data/rasterise.ts';
import { drawnBy } from './draw-questions.ts';
import { SHEET_PROMPTS } from './sheet-prompts.ts';

const SEEDS = [0, 1];
/** Prompts in a row; the pictures of one stand side by side. */
export const SHEET_COLUMNS = 8;

/** The contact sheet: 64 fixed prompts, two pictures each, nothing picked. PNG, 2048 × 1024. */
export async function drawSheet(model: Model, onProgress: (done: number, total: number) => void): Promise<Buffer> {
  const questions = SHEET_PROMPTS.flatMap((prompt) => SEEDS.map((seed) => ({ prompt, seed })));
  const pictures = await drawnBy(model)(questions, (done) => onProgress(done, questions.length));
  const sheet = await contactSheet(pictures, { columns: SHEET_COLUMNS * SEEDS.length, size: PICTURE_SIZE });
  // a sixth of the bytes, and no eye sees the difference: it is to lie in the docs
  return sharp(sheet).png({ palette: true, quality: 100, effort: 10 }).toBuffer();
}
