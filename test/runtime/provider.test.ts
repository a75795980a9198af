import { describe, expect, test } from 'vitest';
import { chooseProvider, type Probe } from '../../src/engine/runtime/provider.ts';

/** Milliseconds, or why it doesn't work. */
const machine =
  (found: Record<string, number | string>): Probe =>
  async (name) => {
    const result = found[name]!;
    if (typeof result === 'string') throw new Error(result);
    return result;
  };
const ALL = ['cpu', 'cuda', 'webgpu', 'coreml', 'dml'];

describe('auto', () => {
  test('takes the fastest that works, and says why not the others', async () => {
    const found = { cpu: 90, cuda: 3, webgpu: 10, coreml: 'no device\nat line 7', dml: 2.5 };
    const { executionProviders, passedOver } = await chooseProvider(
      'auto',
      ['cpu', 'cuda', 'webgpu', 'coreml'],
      machine(found),
    );
    expect(executionProviders).toEqual(['cuda', 'cpu']);
    expect(passedOver).toEqual({
      dml: `onnxruntime has none for ${process.platform} on ${process.arch}`,
      coreml: 'no device',
      webgpu: '9.0 times as fast as the CPU',
    });
  });

  test('stays on the CPU where the others are no faster than int8 is there', async () => {
    const found = { cpu: 5, cuda: 'Failed to load shared library', webgpu: 4 };
    const { executionProviders, passedOver } = await chooseProvider('auto', ['cpu', 'cuda', 'webgpu'], machine(found));
    expect(executionProviders).toEqual(['cpu']);
    expect(passedOver).toMatchObject({
      cuda: 'Failed to load shared library',
      webgpu: '1.3 times as fast as the CPU',
    });
  });

  test('finds something on this machine', async () => {
    const { executionProviders, passedOver } = await chooseProvider('auto');
    expect(executionProviders.at(-1)).toBe('cpu');
    expect(Object.keys(passedOver).length).toBeGreaterThanOrEqual(3);
  });
});

describe('by name', () => {
  test('the CPU is taken without a trial, another one after it', async () => {
    const never: Probe = () => Promise.reject(new Error('tried'));
    expect(await chooseProvider('cpu', ALL, never)).toEqual({ executionProviders: ['cpu'], passedOver: {} });
    const { executionProviders } = await chooseProvider('webgpu', ALL, machine({ webgpu: 1 }));
    expect(executionProviders).toEqual(['webgpu', 'cpu']);
  });

  test('one that does not work is refused with the reason', async () => {
    const probe = machine({
      webgpu: '/src/webgpu_context.cc:136 Initialize() status == Success was false. Failed to get a WebGPU adapter',
    });
    await expect(chooseProvider('webgpu', ALL, probe)).rejects.toThrow(
      'ENGINE_PROVIDER=webgpu does not work here: Failed to get a WebGPU adapter',
    );
    await expect(chooseProvider('dml', ['cpu'], probe)).rejects.toThrow(
      'ENGINE_PROVIDER=dml does not work here: onnxruntime has none',
    );
  });
});
