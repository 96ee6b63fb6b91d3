import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hubSettings } from '../../src/hub/settings.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

describe('the environment', () => {
  it('says where the cache is, as for Python', () => {
    const cache = (environment: Record<string, string>) => hubSettings(environment).cache;
    expect(cache({})).toBe(join(homedir(), '.cache/huggingface/hub'));
    const all = {
      XDG_CACHE_HOME: '/xdg',
      HF_HOME: '~/home',
      HUGGINGFACE_HUB_CACHE: '/legacy',
      HF_HUB_CACHE: '/cache',
    };
    const { HF_HUB_CACHE: _, ...legacy } = all;
    const { HUGGINGFACE_HUB_CACHE: __, ...home } = legacy;
    expect(cache(all)).toBe('/cache');
    expect(cache(legacy)).toBe('/legacy');
    expect(cache(home)).toBe(join(homedir(), 'home/hub'));
    expect(cache({ XDG_CACHE_HOME: '/xdg', HF_HOME: '' })).toBe('/xdg/huggingface/hub');
  });

  it('has the token, or says where it is', () => {
    const HF_HOME = temporary();
    expect(hubSettings({ HF_HOME }).token).toBeUndefined();
    writeFileSync(join(HF_HOME, 'token'), 'hf_file\n');
    expect(hubSettings({ HF_HOME })).toMatchObject({ token: 'hf_file', tokenFrom: join(HF_HOME, 'token') });
    const HF_TOKEN_PATH = join(temporary(), 'other');
    writeFileSync(HF_TOKEN_PATH, ' any-token-is-taken ');
    expect(hubSettings({ HF_HOME, HF_TOKEN_PATH }).token).toBe('any-token-is-taken');
    const named = { HF_HOME, HF_TOKEN_PATH, HF_TOKEN: 'hf_named' };
    expect(hubSettings(named)).toMatchObject({ token: 'hf_named', tokenFrom: 'HF_TOKEN' });
    expect(hubSettings({ ...named, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token).toBeUndefined();
  });

  it('with a token that fits no header is refused without showing it', () => {
    for (const HF_TOKEN of ['hf_two words', 'hf_line\nbreak', 'hf_ümlaut']) {
      let message = '';
      try {
        hubSettings({ HF_TOKEN });
      } catch (error) {
        message = String(error);
      }
      expect(message).toContain('the access token in HF_TOKEN');
      expect(message).not.toContain('hf_');
    }
  });

  it('names the endpoint, forbids the network, sets the patience', () => {
    expect(hubSettings({}).endpoint).toBe('https://huggingface.co');
    expect(hubSettings({ HF_ENDPOINT: 'https://mirror.example/hf//' }).endpoint).toBe(
      'https://mirror.example/hf',
    );
    for (const HF_ENDPOINT of ['mirror.example', 'ftp://mirror.example'])
      expect(() => hubSettings({ HF_ENDPOINT })).toThrow('HF_ENDPOINT is no address');
    expect(hubSettings({ HF_HUB_OFFLINE: '0' }).offline).toBeUndefined();
    expect(hubSettings({ HF_HUB_OFFLINE: 'yes' }).offline).toBe('HF_HUB_OFFLINE');
    expect(hubSettings({ TRANSFORMERS_OFFLINE: '1' }).offline).toBe('TRANSFORMERS_OFFLINE');
    expect(hubSettings({}).timeoutMs).toBe(30_000);
    expect(hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: '5' }).timeoutMs).toBe(5000);
  });
});
