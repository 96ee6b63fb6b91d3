import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { TruecastError } from '../support/errors.js';

/** A repository of the hub at a revision (branch, tag or commit), or one .gguf file of it. */
export interface HubReference {
  /** owner/name */
  repository: string;
  revision: string;
  file?: string;
}

/** What a user may name a model by. */
export type ModelReference = { kind: 'path'; path: string } | ({ kind: 'hub' } & HubReference);

const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9_][\w.-]*$/;
const REFERENCE = /^([^@:]+)(?:@([^:]*))?(?::(.*))?$/s;
const COMMIT = /^[0-9a-f]{40}$/;

export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/**
 * Reads `owner/name[@revision][:file.gguf]`, or a path. What exists on this machine is a path, whatever it
 * looks like; what looks like a path and does not exist is an error, and is asked of no server.
 */
export function parseReference(reference: string): ModelReference {
  const path = reference.replace(/^~(?=\/|$)/, homedir());
  if (existsSync(path)) return { kind: 'path', path };
  const [, repository = '', revision, file] = REFERENCE.exec(reference) ?? [];
  if (!REPOSITORY.test(repository) || /--|\.\./.test(repository)) {
    throw new TruecastError(
      `model not found: ${reference}`,
      'check the path; a model of the Hugging Face hub is named owner/name, owner/name@revision or owner/name:file.gguf',
    );
  }
  if (revision !== undefined && !isRevision(revision)) {
    throw new TruecastError(
      `${reference}: ${JSON.stringify(revision)} is no revision`,
      'name a branch, a tag or a commit of 40 hexadecimal digits after the @',
    );
  }
  if (file !== undefined && !(isPlainPath(file) && file.endsWith('.gguf'))) {
    throw new TruecastError(
      `${reference}: ${JSON.stringify(file)} is no .gguf file of a repository`,
      'name the file as the repository lists it, after the colon, or leave it out for a whole model',
    );
  }
  return { kind: 'hub', repository, revision: revision ?? 'main', ...(file === undefined ? {} : { file }) };
}

/** Whether git allows the name: what it allows cannot lead out of the cache's folder of references. */
function isRevision(name: string): boolean {
  return isPlainPath(name) && !/\.\.|@\{|[\s~^?*[]|\.lock$|\.$|\/\.|^[.-]/.test(name);
}

/** Whether a name from a user or a server stays within the folder that it is joined to. */
export function isPlainPath(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === '' || /[\\\u0000-\u001f:]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
