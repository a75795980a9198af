import { readFileSync } from 'node:fs';

const CPU_INFO = '/proc/cpuinfo';

/** What Linux says of the processor, with its instruction sets; undefined elsewhere. */
const describeProcessor = () => (process.platform === 'linux' ? readFileSync(CPU_INFO, 'utf8') : undefined);

/**
 * Does this processor add products of bytes in 32 bits at once (VNNI, dot product)? There, 8-bit layers are 3 to 4 times
 * as fast as float32; elsewhere they gain little, and on x86 add two products in 16 bits, which weights of 8 bits overflow.
 */
export function hasByteProducts(): boolean {
  if (process.arch === 'arm64') return true;
  return process.arch === 'x64' && /\b(avx512_vnni|avx_vnni)\b/.test(describeProcessor() ?? '');
}

/** Why this processor is not known to multiply bfloat16; undefined where it does. */
export function whyNoBfloat16(): string | undefined {
  const description = describeProcessor();
  if (description === undefined) return 'on Linux alone it is known whether a processor has them';
  if (/\b(avx512_bf16|amx_bf16)\b/.test(description)) return undefined;
  return `${CPU_INFO} lists neither avx512_bf16 nor amx_bf16`;
}
