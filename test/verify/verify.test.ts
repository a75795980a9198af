import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { verify as command } from '../../src/cli/verify.ts';
import { Comparison } from '../../src/engine/evaluation/verify/comparison.ts';
import { measure } from '../../src/engine/evaluation/verify/measure.ts';
import { type FolderReport, verify } from '../../src/engine/evaluation/verify/verify.ts';
import { tensor } from '../../src/engine/tensor.ts';
import { readSafetensors, writeSafetensors } from '../../src/engine/weights/safetensors.ts';
import { InputError } from '../../src/errors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function reports(path: string): Promise<FolderReport[]> {
  const found: FolderReport[] = [];
  for await (const report of verify(path)) found.push(report);
  return found;
}

/** The golden folder under another name, its expected tensors changed. */
async function copyOf(golden: string, change: (expected: Map<string, ReturnType<typeof tensor>>) => void) {
  const copy = await mkdtemp(join(folder, 'anything-'));
  await cp(`test/golden/${golden}`, copy, { recursive: true });
  const expected = await readSafetensors(join(copy, 'expected.safetensors'));
  change(expected);
  await writeSafetensors(join(copy, 'expected.safetensors'), expected);
  return copy;
}

describe('a folder', () => {
  test('is recognised by its contents, wherever it lies', async () => {
    const copy = await copyOf('random', () => {});
    expect(await reports(copy)).toMatchObject([{ check: 'random', pass: true }]);
  });

  test('of folders is searched', async () => {
    const parent = await mkdtemp(join(folder, 'parent-'));
    await cp('test/golden/tokenizer', join(parent, 'deep/a'), { recursive: true });
    await cp('test/golden/random', join(parent, 'b'), { recursive: true });
    await mkdir(join(parent, 'c'));
    await mkdir(join(parent, 'd'));
    await writeFile(join(parent, 'd/case.json'), '{}');
    const names = (await reports(parent)).map(({ path, check }) => [path.slice(parent.length), check]);
    expect(names).toEqual([
      ['/b', 'random'],
      ['/d', null],
      ['/deep/a', 'tokenizer'],
    ]);
  });

  test('of no known kind is one report, whatever lies in it', async () => {
    const parent = await mkdtemp(join(folder, 'parent-'));
    await mkdir(join(parent, 'a/b'), { recursive: true });
    await mkdir(join(parent, 'c'));
    await writeFile(join(parent, 'c/case.json'), '{"cases": [');
    const [report, ...others] = await reports(parent);
    expect(report).toMatchObject({ path: parent, check: null, pass: false });
    expect(report?.message).toContain('one of the kinds random, tokenizer');
    expect(others).toEqual([]);
  });

  test('with a damaged case.json says so', async () => {
    const damaged = await mkdtemp(join(folder, 'damaged-'));
    await writeFile(join(damaged, 'case.json'), '{"cases": [');
    const [report] = await reports(damaged);
    expect(report).toMatchObject({ check: null, pass: false });
    expect(report?.message).toContain('case.json: not JSON');
  });

  test('whose weights are cut off fails for that one cause', async () => {
    const copy = await copyOf('networks/prior', () => {});
    const weights = join(copy, 'diffusion_pytorch_model.safetensors');
    await truncate(weights, 1000);
    const [report] = await reports(copy);
    expect(report).toMatchObject({ pass: false, tensors: [{ pass: false, maxError: null }] });
    expect(report?.tensors[0]?.message).toContain('diffusion_pytorch_model.safetensors');
  });

  test('that is a file or missing is refused', async () => {
    await expect(reports(join(folder, 'nowhere'))).rejects.toThrow('expected a folder, found nothing');
    await expect(reports('package.json')).rejects.toThrow('package.json: expected a folder, found a file');
    await expect(reports('package.json')).rejects.toThrow(InputError);
  });

  test('with one wrong, one missing and one needless tensor fails for these three', async () => {
    const copy = await copyOf('random', (expected) => {
      expected.get('s42.16.randn')!.data[3]! += 1e-5;
      expected.delete('s42.17.randn');
      expected.set('s42.stray', tensor(Float32Array.of(1), [1]));
    });
    const [report] = await reports(copy);
    const failed = report!.tensors.filter(({ pass }) => !pass);
    expect(failed.map(({ name, message }) => [name, message])).toEqual([
      ['s42.16.randn', undefined],
      ['s42.17.randn', 'computed, but expected.safetensors has no such tensor'],
      ['s42.stray', 'expected, but not computed'],
    ]);
    expect(failed[0]?.maxError).toBeCloseTo(1e-5, 6);
  });

  test('with a case that is not supported fails for that case, the others are still compared', async () => {
    const copy = await copyOf('schedulers', () => {});
    const file = join(copy, 'case.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"EulerDiscreteScheduler"', '"PNDMScheduler"'));
    const [report] = await reports(copy);
    const failed = report!.tensors.filter(({ pass }) => !pass);
    expect(failed).toHaveLength(1);
    expect(failed[0]?.message).toContain('euler.1: _class_name: expected one of UnCLIPScheduler');
    expect(report!.tensors.length).toBeGreaterThan(100);
  });

  test('whose expected.safetensors is damaged fails with its message', async () => {
    const copy = await copyOf('random', () => {});
    await writeFile(join(copy, 'expected.safetensors'), 'nonsense');
    const [report] = await reports(copy);
    expect(report).toMatchObject({ check: 'random', pass: false });
    expect(report!.tensors[0]?.message).toContain('not a safetensors file');
  });
});

describe('a model', { timeout: 60_000 }, () => {
  test('a step that is off fails, however much the reference leaves open elsewhere', async () => {
    const copy = await copyOf('karlo-tiny', (expected) => {
      const step = expected.get('each.super_res.01.prev_sample')!;
      // none of those that rounding decides
      step.data[0]! += 0.002;
      expected.get('prior.04.prev_sample')!.data[3]! += 0.002;
    });
    const [report] = await reports(copy);
    const failed = report!.tensors.filter(({ pass }) => !pass).map(({ name }) => name);
    expect(failed).toEqual(['prior.04.prev_sample', 'each.super_res.01.prev_sample']);
  });

  test('a folder may hold any of the stages', async () => {
    const copy = await copyOf('kandinsky-tiny', (expected) => {
      const kept = /^(emb2emb|prior\..*embeds)/;
      for (const name of [...expected.keys()]) if (!kept.test(name)) expected.delete(name);
    });
    const file = join(copy, 'case.json');
    const { emb2emb } = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ emb2emb }));
    const [report] = await reports(copy);
    expect(report!.tensors.map(({ name, pass }) => [name, pass])).toEqual([
      ['emb2emb.image_embeds', true],
      ['prior.image_embeds', false],
      ['prior.negative_image_embeds', false],
    ]);
  });

  test('whose case.json lacks a setting, or that is incomplete, says so', async () => {
    const copy = await copyOf('karlo-tiny', () => {});
    await rm(join(copy, 'model/super_res_last'), { recursive: true });
    expect((await reports(copy))[0]?.tensors[0]?.message).toContain('super_res_last is missing');
    await writeFile(join(copy, 'case.json'), '{"variation": {"seed": 1}}');
    expect((await reports(copy))[0]?.tensors[0]?.message).toMatch(/case\.json: .*source/s);
  });
});

describe('a comparison', () => {
  const vector = (...values: number[]) => tensor(Float32Array.from(values), [values.length]);
  const compare = (actual: number[], expected: number[]) => {
    const comparison = new Comparison(new Map([['x', vector(...expected)]]));
    comparison.compare('x', vector(...actual), { max: 0.5, mean: 0.2 });
    return comparison.finish()[0];
  };

  test('takes the largest and the mean absolute error', () => {
    expect(compare([1, 2, 3.5, 4], [1, 2, 3, 4])).toMatchObject({ pass: true, maxError: 0.5, meanError: 0.125 });
    expect(compare([1, 2, 3.75, 4], [1, 2, 3, 4])).toMatchObject({ pass: false, maxError: 0.75 });
    expect(compare([1.5, 2.5, 3, 4], [1, 2, 3, 4])).toMatchObject({ pass: false, meanError: 0.25 });
  });

  test('NaN fails, also where the reference has it', () => {
    expect(compare([1, Number.NaN], [1, 2])).toMatchObject({
      pass: false,
      message: 'element 1: expected 2, found NaN',
    });
    expect(compare([1, Number.NaN], [1, Number.NaN])).toMatchObject({ pass: false });
  });

  test('where the reference is NaN a number is all that can be asked for, and it says so', () => {
    expect(compare([1, 7], [1, Number.NaN])).toMatchObject({
      pass: true,
      maxError: 0,
      message: 'the reference is NaN in 1 of 2 elements',
    });
  });

  test('an element that rounding moves as far as it is off is left out, if there are few of them', () => {
    const many = (...values: number[]) => vector(...values, ...Array<number>(98).fill(0));
    const off = (actual: [number, number], ...disturbed: [number, number][]) =>
      measure(
        many(...actual),
        many(0, 0),
        { max: 0.1 },
        disturbed.map((values) => many(...values)),
      );
    expect(off([0.05, 0.5])).toMatchObject({ pass: false, maxError: 0.5 });
    expect(off([0.05, 0.5], [0, 0.3])).toMatchObject({ pass: false, maxError: 0.5 });
    const excused = off([0.05, 0.5], [0, 0.3], [0, 1.1]);
    expect(excused).toMatchObject({
      pass: true,
      message: '1 of 100 elements left out: off by up to 5.0e-1, and rounding moves them as far',
    });
    expect(excused.maxError).toBeCloseTo(0.05);
    expect(off([0.5, 0.5], [1.1, 1.1])).toMatchObject({ pass: false });
  });

  test('what differs is judged again by its own step', () => {
    const attempt = (x: number, y: number) => {
      const comparison = new Comparison();
      comparison.compare('x', vector(x), { max: 0.1 }, vector(0));
      comparison.compare('y', vector(y), { max: 0.1 }, vector(0));
      return comparison;
    };
    const again = { exact: attempt(0.01, 2), disturbed: [] };
    expect(attempt(1, 3).finish(again)).toMatchObject([
      { pass: true, maxError: expect.closeTo(0.01) },
      { pass: false, maxError: 3 },
    ]);
    expect(
      attempt(0.05, 0.02)
        .finish({ exact: attempt(1, 1), disturbed: [] })
        .every(({ pass }) => pass),
    ).toBe(true);
  });

  test('another shape fails', () => {
    expect(compare([1, 2], [1, 2, 3])).toMatchObject({ pass: false, message: 'expected shape (3), found (2)' });
  });
});

describe('the command', () => {
  const output: string[] = [];
  const run = async (...args: string[]) => {
    output.length = 0;
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => output.push(String(text)) > 0);
    await command.parseAsync(args, { from: 'user' }).finally(() => spy.mockRestore());
    return output.join('');
  };
  afterEach(() => {
    process.exitCode = undefined;
  });

  test('prints a line a tensor and a summary', async () => {
    const text = await run('test/golden/random');
    expect(text).toContain('test/golden/random');
    expect(text).toMatch(/s0\.1\.randn +\S+ +\S+ +1\.0e-6 {2}.*pass/);
    expect(text).toContain('252 of 252 tensors agree');
    expect(process.exitCode).toBeUndefined();
  });

  test('exits with 1 when something differs', async () => {
    const copy = await copyOf('random', (expected) => expected.get('s0.1.randn')!.data.fill(0));
    expect(await run(copy)).toMatch(/FAIL.*251 of 252 tensors agree.*1 differ/s);
    expect(process.exitCode).toBe(1);
  });

  test('exits with 2 for a folder it does not know', async () => {
    const complaint = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await run('test/golden/random', 'src/cli')).toContain('a folder holds no reference values');
    expect(process.exitCode).toBe(2);
    process.exitCode = undefined;
    expect(await run('src/bot')).toBe('');
    expect(complaint.mock.calls.join()).toContain('no folder of reference values');
    expect(process.exitCode).toBe(2);
    complaint.mockRestore();
  });

  test('--json: one object and nothing else', async () => {
    const report = JSON.parse(await run('test/golden/random', '--json'));
    expect(report).toMatchObject({ pass: true, passed: 252, failed: 0, unknown: 0, folders: [{ check: 'random' }] });
    expect(report.folders[0].tensors[0]).toMatchObject({ name: 's0.1.randn', pass: true, tolerance: { max: 1e-6 } });
  });
});
