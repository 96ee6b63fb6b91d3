import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things that can be made again are kept: TRUECAST_CACHE, else XDG_CACHE_HOME/truecast, else ~/.cache/truecast. */
export function cacheFolder(): string {
  const { TRUECAST_CACHE, XDG_CACHE_HOME } = process.env;
  if (TRUECAST_CACHE) return TRUECAST_CACHE;
  return XDG_CACHE_HOME ? join(XDG_CACHE_HOME, 'truecast') : join(homedir(), '.cache', 'truecast');
}
