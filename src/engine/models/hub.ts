import { HubApiError, type ListFileEntry, listFiles, modelInfo } from '@huggingface/hub';
import { InputError } from '../../errors.ts';

/** The Hub, or what was fetched from it, isn't as it should be. */
export class HubError extends InputError {
  override name = 'HubError';
}

export interface HubOptions {
  /** Branch, tag or commit; the default branch when absent. */
  readonly revision?: string;
  /** Of another Hub than huggingface.co, as in HF_ENDPOINT. */
  readonly endpoint?: string;
  /** For private and gated models, as in HF_TOKEN. */
  readonly token?: string;
}

/** A file of a model repository. */
export interface HubFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Of large files (LFS) the sha256; of small ones git's own, sha1 of `blob <size>\0` and the content. */
  readonly checksum: { readonly kind: 'sha256' | 'git'; readonly hex: string };
  readonly url: string;
}

/** A model repository at one commit. */
export interface Repository {
  readonly name: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const ENDPOINT = 'https://huggingface.co';

/**
 * Asks the Hub for a model repository.
 * @param name  `owner/name`
 * @throws HubError where it has none of that name or revision, or doesn't show it to us
 */
export async function openRepository(name: string, options: HubOptions): Promise<Repository> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) throw new HubError(`expected a repository as owner/name, found ${name}`);
  const hubUrl = (options.endpoint ?? ENDPOINT).replace(/\/+$/, '');
  const access = { hubUrl, ...(options.token && { accessToken: options.token }) };
  try {
    const { sha: commit } = await modelInfo({
      ...access,
      name,
      additionalFields: ['sha'],
      ...(options.revision && { revision: options.revision }),
    });
    const files: HubFile[] = [];
    // Of the commit: a branch may move on meanwhile.
    for await (const entry of listFiles({ ...access, repo: name, revision: commit, recursive: true })) {
      if (entry.type === 'file') files.push(fileFrom(entry, `${hubUrl}/${name}/resolve/${commit}`));
    }
    return { name, commit, files };
  } catch (error) {
    throw explain(error, name, hubUrl, options);
  }
}

function fileFrom({ path, size, oid, lfs }: ListFileEntry, base: string): HubFile {
  const url = `${base}/${path.split('/').map(encodeURIComponent).join('/')}`;
  const checksum = lfs ? ({ kind: 'sha256', hex: lfs.oid } as const) : ({ kind: 'git', hex: oid ?? '' } as const);
  return { path, size: lfs?.size ?? size, checksum, url };
}

function explain(error: unknown, name: string, hubUrl: string, { revision, token }: HubOptions): unknown {
  if (error instanceof HubApiError)
    return new HubError(refusal(error.statusCode, `${hubUrl}/${name}`, { revision, token }));
  if (error instanceof TypeError) return new HubError(`${hubUrl} can't be reached: ${causeOf(error)}`);
  return error;
}

/** What the Hub's answer means for who asked. */
export function refusal(status: number, what: string, { revision, token }: HubOptions): string {
  const at = revision ? ` at revision ${revision}` : '';
  const tokenHint = token ? 'the token in HF_TOKEN is not good for it' : 'set HF_TOKEN to a token that may read it';
  switch (status) {
    case 401:
      return `${what}${at}: not found, or private (status 401): ${tokenHint}`;
    case 403:
      return `${what}${at}: access is refused (status 403): accept its terms on its page, and ${tokenHint}`;
    case 404:
      return `${what}${at}: not found (status 404): check the name and the revision`;
    default:
      return `${what}${at}: the Hub answers with status ${status}`;
  }
}

/** fetch says no more than `fetch failed`; why stands in its cause. */
export const causeOf = (error: Error) => (error.cause instanceof Error ? error.cause.message : error.message);
