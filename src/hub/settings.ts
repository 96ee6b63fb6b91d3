import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemError, TruecastError } from '../support/errors.js';

/** Where the hub is and how it is spoken to: the environment variables of Python's huggingface_hub. */
export interface HubSettings {
  /** Without a slash at its end. */
  endpoint: string;
  cache: string;
  token?: string;
  /** What the token was read from. */
  tokenFrom?: string;
  /** The variable that forbids the network. */
  offline?: string;
  /** Longest wait for the next bytes. */
  timeoutMs: number;
  /** Before the first retry; doubled for each further one. */
  pauseMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const TIMEOUT_SECONDS = 30;

export function hubSettings(environment: Environment = process.env): HubSettings {
  const offline = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find((name) => isTrue(environment[name]));
  const seconds = Number(environment.HF_HUB_DOWNLOAD_TIMEOUT);
  return {
    endpoint: endpointOf(environment.HF_ENDPOINT || 'https://huggingface.co'),
    cache: cacheOf(environment),
    ...tokenOf(environment),
    ...(offline === undefined ? {} : { offline }),
    timeoutMs: 1000 * (seconds > 0 ? seconds : TIMEOUT_SECONDS),
    pauseMs: 1000,
  };
}

/** What `truecast doctor` says of the hub; of the token only where it is. */
export interface HubReport {
  endpoint: string;
  cache: string;
  token: string | null;
  offline: string | null;
}

export function hubReport(): HubReport {
  const { endpoint, cache, tokenFrom = null, offline = null } = hubSettings();
  return { endpoint, cache, token: tokenFrom, offline };
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((value ?? '').toUpperCase());
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TruecastError(`HF_ENDPOINT is no address: ${text}`, 'give it as https://HOST, or unset it');
  }
  return text.replace(/\/+$/, '');
}

const expand = (path: string) => path.replace(/^~(?=\/|$)/, homedir());

function homeOf({ HF_HOME, XDG_CACHE_HOME }: Environment): string {
  return expand(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'));
}

function cacheOf(environment: Environment): string {
  return expand(
    environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE || join(homeOf(environment), 'hub'),
  );
}

function tokenOf(environment: Environment): { token?: string; tokenFrom?: string } {
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return {};
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const token = environment[name]?.trim();
    if (token) return { token: checked(token, name), tokenFrom: name };
  }
  const path = expand(environment.HF_TOKEN_PATH || join(homeOf(environment), 'token'));
  if (!existsSync(path)) return {};
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw systemError(error, 'the access token cannot be read') ?? error;
  }
  return token === '' ? {} : { token: checked(token, path), tokenFrom: path };
}

/** What fits no header would be printed by the error that refuses it. */
function checked(token: string, from: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new TruecastError(
    `the access token in ${from} holds spaces or characters that no token has`,
    'copy it again from https://huggingface.co/settings/tokens',
  );
}
