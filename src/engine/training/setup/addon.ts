import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import { replaceFile } from '../replace-file.ts';
import { lastLines, run } from './run.ts';

/** Node-API version of the addon: one build serves every Node from 12 on. */
const NAPI_VERSION = 8;

export const ADDON = join('lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');

/** @throws InputError that says how to get a compiler, where there is none. */
export async function findCompiler(): Promise<string> {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const compiler of candidates) if ((await run(compiler, ['--version'])).code === 0) return compiler;
  throw new InputError(
    `a C++ compiler is needed to connect Node to TensorFlow, and none of ${candidates.join(', ')} is there. ` +
      'Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; or name one in CXX',
  );
}

/**
 * Compiles tfjs-node's two source files against TensorFlow's library in its deps folder. The compiler is called directly:
 * two files need neither node-gyp, nor Python, nor make, and the headers of Node-API come from the package node-api-headers.
 */
export async function compileAddon(compiler: string, packageDir: string, headersDir: string): Promise<void> {
  await replaceFile(join(packageDir, ADDON), async (partial) => {
    const { code, output } = await run(
      compiler,
      [
        ...['-std=c++17', '-O2', '-shared', '-fPIC', '-fvisibility=hidden', `-DNAPI_VERSION=${NAPI_VERSION}`],
        ...[`-I${headersDir}`, '-Ideps/include', '-I..', 'binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'],
        ...['-Ldeps/lib', '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
        ...['-o', partial],
      ],
      packageDir,
    );
    if (code !== 0)
      throw new InputError(
        `${compiler} could not compile the TensorFlow addon in ${packageDir}:\n${lastLines(output, 20)}`,
      );
  });
}
