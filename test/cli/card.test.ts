import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadCharacter, readCard, readPersonaSource, writePersona } from '../../src/data/index.js';
import { base64, CARD_JSON, pngOf, tEXt, zipArchive } from '../helpers/cards.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { writeTinyDecoder } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();
vi.setConfig({ testTimeout: 300_000 });

describe('truecast card', () => {
  let cwd: string;
  const path = (name: string) => join(cwd, name);

  beforeAll(() => {
    cwd = temporary();
    const both = [tEXt('chara', base64(CARD_JSON[1])), tEXt('chara', base64(CARD_JSON[2]))];
    writeFileSync(path('mara.png'), pngOf(both));
    writeFileSync(
      path('爱丽丝.charx'),
      zipArchive([
        { name: 'card.json', data: CARD_JSON[3] },
        { name: 'a.png', data: 'x' },
      ]),
    );
  });

  it('show: what is in a card, for people and for programs', async () => {
    const { stdout, code } = await truecast(['card', 'show', 'mara.png'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^mara\.png: a character card of version 2 \(png, chunk chara at byte \d+\)\nalso: version 1/,
    );
    expect(stdout).toContain('{{char}} repairs clocks.');
    expect(stdout).toContain('lorebook: 1 entries');
    const shown = await truecastJson<Record<string, unknown>>(['card', 'show', '爱丽丝.charx'], { cwd });
    expect(shown).toMatchObject({
      container: 'charx',
      version: 3,
      nickname: '爱丽丝',
      files: [{ name: 'a.png', size: 1 }],
      lorebook: { entries: [{ content: '吉他是木头做的。', decorators: ['@@depth 4', '@@@role system'] }] },
    });
    expect(shown).not.toHaveProperty('raw');
  });

  it('statements: a persona, and beside it where all of it is from', async () => {
    const { stdout, stderr } = await truecast(['card', 'statements', 'mara.png'], { cwd });
    expect(stdout).toContain('- Mara Venn repairs clocks. # description:1\n');
    expect(stderr).toContain('Mara Venn (en): 3 statements, 0 queries');
    const args = ['card', 'statements', '爱丽丝.charx', '--out', 'alice.yaml'];
    expect((await truecast(args, { cwd })).code).toBe(0);
    expect(loadCharacter(path('alice.yaml'))).toMatchObject({ id: 'alice', name: '爱丽丝', language: 'zh' });
    const provenance = JSON.parse(readFileSync(path('alice.provenance.json'), 'utf8'));
    expect(provenance).toMatchObject({
      format: 'truecast.provenance/1',
      from: '爱丽丝.charx',
      method: 'rules',
    });
    expect(provenance.statements).toHaveLength(5);
    expect(provenance.leftOut[0].why).toContain('a greeting');
    const again = await truecast(args, { cwd });
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/error: alice\.yaml exists\n {2}→ .*--force/);
  });

  it('write: fields of a card, into another file', async () => {
    const args = [
      'card',
      'write',
      'mara.png',
      '--out',
      'new.png',
      '--set',
      'first_mes=Come = in.',
      'name=Mara',
    ];
    expect(await truecast(args, { cwd })).toMatchObject({ code: 0, stdout: 'new.png\n' });
    const { card, others } = readCard(readFileSync(path('new.png')), 'new.png');
    expect(card).toMatchObject({ version: 2, name: 'Mara', firstMessage: 'Come = in.' });
    expect(others).toMatchObject([{ version: 1, name: 'Mara' }]);
  });

  it.each<[string, string[], number, RegExp]>([
    ['a missing card', ['show', 'none.png'], 1, /character card not found: none\.png/],
    [
      'a field that is none',
      ['write', 'mara.png', '--out', 'n.png', '--set', 'mood=dour'],
      2,
      /--set takes FIELD=TEXT, not mood=dour/,
    ],
    ['nothing to set', ['write', 'mara.png', '--out', 'n.png'], 2, /needs --out FILE and --set/],
    [
      'a file that is there',
      ['write', 'mara.png', '--out', 'mara.png', '--set', 'name=B'],
      1,
      /mara\.png exists/,
    ],
    [
      'a persona of another kind',
      ['statements', 'mara.png', '--out', 'n.json'],
      2,
      /a persona is a \.yaml file/,
    ],
    [
      'a name that is no id',
      ['statements', 'mara.png', '--out', '1 x.yaml'],
      1,
      /the file name becomes the id/,
    ],
    [
      'a language that is none',
      ['statements', 'mara.png', '--language', 'English!'],
      1,
      /"English!" is no language tag/,
    ],
  ])('refused: %s', async (_, args, code, says) => {
    const result = await truecast(['card', ...args], { cwd });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(says);
    expect(result.stderr).toMatch(/\n {2}→ \S/);
    for (const name of ['n.png', 'n.json', '1 x.yaml']) expect(existsSync(path(name))).toBe(false);
  });

  it('a card can be talked to at once', async () => {
    writeTinyDecoder(path('decoder'));
    writePersona(readPersonaSource(path('mara.png')), 'mara.png', path('same.yaml'));
    const say = (character: string) => {
      const chat = [
        'chat',
        '--character',
        character,
        '--model',
        'decoder',
        '--backend',
        'wasm',
        '--method',
        'lcm',
      ];
      return truecast([...chat, '--max-new-tokens', '6'], { cwd, input: 'Hello?\n' });
    };
    const [card, persona] = [await say('mara.png'), await say('same.yaml')];
    expect(card.code, card.stderr).toBe(0);
    expect(card.stdout.trim()).not.toBe('');
    expect(card.stdout).toBe(persona.stdout);
  });
});
