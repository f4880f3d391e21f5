// A folder whose files are served, and nothing outside of it: links are followed only as far as they stay inside, and
// only ordinary files are opened.

import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { systemCode, usageError } from '../errors.ts';
import { HqCode, HqError } from './codes.ts';
import { isServable, requestNames } from './request-path.ts';

export class StaticFolder {
  /** Without links. */
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Throws a CliError that names the argument if this is no folder that can be read. */
  static async at(path: string): Promise<StaticFolder> {
    try {
      const root = await realpath(resolve(path));
      if ((await stat(root)).isDirectory()) return new StaticFolder(root);
    } catch (error) {
      throw usageError(`The folder ${path} cannot be served: ${(error as Error).message}`, error);
    }
    throw usageError(`The folder ${path} cannot be served: it is no folder; allowed is a folder with files`);
  }

  /** Opens the file that a request asks for; `index.html` for a folder. Throws HqError. The caller closes it. */
  async open(requestPath: string): Promise<FileHandle> {
    const names = requestNames(requestPath);
    try {
      return await this.#open(join(this.root, ...names), !requestPath.endsWith('/'));
    } catch (error) {
      throw error instanceof HqError ? error : new HqError(codeOf(error));
    }
  }

  async #open(path: string, mayBeFile: boolean): Promise<FileHandle> {
    let real = this.#inside(await realpath(path));
    if ((await stat(real)).isDirectory()) real = this.#inside(await realpath(join(real, 'index.html')));
    else if (!mayBeFile) throw new HqError(HqCode.NOT_FOUND);
    // Before it is opened: opening a pipe or a device can do things.
    if (!(await stat(real)).isFile()) throw new HqError(HqCode.FORBIDDEN);
    const file = await open(real, FLAGS);
    // And after: it may have been replaced in between.
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw new HqError(HqCode.FORBIDDEN);
  }

  /** The path itself if it lies in the folder and no part of it is hidden; the way out begins with `..`, hence with a dot. */
  #inside(real: string): string {
    const way = relative(this.root, real);
    if (way === '' || way.split(sep).every(isServable)) return real;
    throw new HqError(HqCode.FORBIDDEN);
  }
}

function codeOf(error: unknown): (typeof HqCode)[keyof typeof HqCode] {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return HqCode.NOT_FOUND;
    case 'EACCES':
    case 'EPERM':
    case 'ELOOP':
      return HqCode.FORBIDDEN;
    case 'EMFILE':
    case 'ENFILE':
      return HqCode.OVERLOADED;
    default:
      return HqCode.SERVER_ERROR;
  }
}

/** The last name is no link any more, and nothing waits for the other end of a pipe. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
