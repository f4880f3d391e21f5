// From URLs and `--output` to a sink for each file, before anything is fetched.

import { mkdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CliError, ExitCode, usageError } from './errors.ts';
import type { HqUrl } from './hq/url.ts';
import { fileSink, type Sink, stdoutSink } from './sinks.ts';

export interface Download {
  readonly url: HqUrl;
  readonly openSink: () => Promise<Sink>;
}

/**
 * Without `output` one file goes to stdout. `output` is a folder if it is one, if it ends with a slash, or if there are
 * several files; a folder that does not exist is made. Throws a CliError for what does not fit together.
 */
export async function planDownloads(urls: readonly HqUrl[], output: string | undefined): Promise<Download[]> {
  if (output === undefined || output === '-') {
    if (urls.length === 1) return [{ url: urls[0], openSink: async () => stdoutSink() }];
    throw usageError(`${urls.length} files need --output <folder>; only one can go to stdout`);
  }
  const kind = await kindOf(output);
  const isFolder = kind === 'folder' || /[/\\]$/.test(output) || urls.length > 1;
  if (!isFolder) return [{ url: urls[0], openSink: () => fileSink(output) }];
  if (kind === 'file') {
    throw usageError(`--output ${output} is a file; allowed for ${urls.length} files is a folder`);
  }
  await makeFolder(output);
  const taken = new Map<string, HqUrl>();
  return urls.map((url) => {
    const other = taken.get(url.fileName);
    if (other !== undefined) {
      throw usageError(
        `${other.text} and ${url.text} would both be ${basename(url.fileName)} in --output ${output}`,
      );
    }
    taken.set(url.fileName, url);
    return { url, openSink: () => fileSink(join(output, url.fileName)) };
  });
}

async function kindOf(path: string): Promise<'folder' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'nothing';
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new CliError(
      `--output ${path} cannot be made: ${(error as Error).message}`,
      ExitCode.FAILED,
      error,
    );
  }
}
