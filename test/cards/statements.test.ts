import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cardOf,
  cardStatements,
  loadCharacter,
  readPersonaSource,
  worldInfo,
  writePersona,
} from '../../src/data/index.js';
import { base64, CARD_JSON, pngOf, tEXt } from '../helpers/cards.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

const card = (data: object) =>
  cardOf({ spec: 'chara_card_v3', spec_version: '3.0', data: { name: 'Mara Venn', ...data } }, 'x');
const persona = (description: string, more: object = {}, language?: string) =>
  cardStatements(card({ description, ...more }), 'x', language);
const texts = (description: string, more: object = {}) =>
  persona(description, more).statements.map(({ text }) => text);

describe('descriptions become statements', () => {
  it.each<[string, string, string[]]>([
    [
      'sentences stand as they are',
      '{{char}} repairs clocks in Leith. She met Dr. A. Moss at 10:30, e.g. for tea... "Why?" she asked. No. 5 and ver. 2.5 are new! So am I. She said no. It ends.',
      [
        'Mara Venn repairs clocks in Leith.',
        'She met Dr. A. Moss at 10:30, e.g. for tea...',
        '"Why?" she asked.',
        'No. 5 and ver. 2.5 are new!',
        'So am I.',
        'She said no.',
        'It ends.',
      ],
    ],
    [
      'W++',
      '[Character("Mara")\n{\nAge("41" + "looks younger")\nBody_type("tall")\n}]',
      [
        "Mara Venn's character: Mara.",
        "Mara Venn's age: 41.",
        "Mara Venn's age: looks younger.",
        "Mara Venn's body type: tall.",
      ],
    ],
    [
      'W++ without quotes or brackets',
      'Mind(kind + shy)',
      ["Mara Venn's mind: kind.", "Mara Venn's mind: shy."],
    ],
    [
      'bracketed lists',
      "[Hair: red, long; Eyes = green; {{char}}'s clothes: apron(leather), boots]\n[Age: 41, MBTI: INTJ]",
      [
        "Mara Venn's hair: red, long.",
        "Mara Venn's eyes: green.",
        "Mara Venn's clothes: apron(leather), boots.",
        "Mara Venn's age: 41.",
        "Mara Venn's MBTI: INTJ.",
      ],
    ],
    [
      'attribute lines, with marks and quotes',
      '**Hair:** red\n- Eyes: green\n"job": "clockmaker",\nBackground: Born in Leith. Never left.',
      [
        "Mara Venn's hair: red.",
        "Mara Venn's eyes: green.",
        "Mara Venn's job: clockmaker.",
        "Mara Venn's background: Born in Leith.",
        "Mara Venn's background: Never left.",
      ],
    ],
    [
      'items below a heading or an empty key',
      '## Likes\n- tea\n- rain\n\nDislikes:\n* noise\n1. fog',
      [
        "Mara Venn's likes: tea.",
        "Mara Venn's likes: rain.",
        "Mara Venn's dislikes: noise.",
        "Mara Venn's dislikes: fog.",
      ],
    ],
    ['fragments', 'tall and kind\n\nMara likes rain', ['Mara Venn: tall and kind.', 'Mara likes rain.']],
    [
      'keys of several words, values that are sentences of their own, and titles without marks',
      'Teaching Style: Mara is strict. She never smiles.\nIQ Test: none\n\nEarly life\nMara was born in Leith, in a house beside the harbour, in a cold winter.',
      [
        'Mara is strict.',
        "Mara Venn's teaching style: She never smiles.",
        "Mara Venn's IQ Test: none.",
        'Mara was born in Leith, in a house beside the harbour, in a cold winter.',
      ],
    ],
    ['lines that go on', 'Mara repairs\nold clocks.', ['Mara repairs old clocks.']],
    [
      'what looks like an attribute and is none',
      'See https://example.org now.\nShe says: no more.\nAt 10:30 {{char}} eats.',
      ['See https://example.org now.', 'She says: no more.', 'At 10:30 Mara Venn eats.'],
    ],
    [
      '{{user}} and old spellings',
      '{{user}} knows <BOT>. <USER> lies to {{Char}} and {{user}}.',
      ['The user knows Mara Venn.', 'The user lies to Mara Venn and the user.'],
    ],
  ])('%s', (_, description, expected) => {
    expect(texts(description)).toEqual(expected);
  });

  it('Chinese and Japanese, by their script', () => {
    const zh = cardOf(JSON.parse(CARD_JSON[3]), 'x');
    expect(cardStatements(zh, 'x')).toMatchObject({
      name: '爱丽丝',
      language: 'zh',
      statements: [
        { text: '爱丽丝的Name：爱丽丝·卡特。' },
        { text: '爱丽丝住在海边。' },
        { text: '爱丽丝会弹吉他。' },
        { text: '爱丽丝的性格：内向。' },
        { text: '吉他是木头做的。' },
      ],
    });
    const ja = cardStatements(
      card({ name: 'ミミ', description: '髪：赤い\nミミは時計を直す。お茶が好き' }),
      'x',
    );
    expect(ja.language).toBe('ja');
    expect(ja.statements.map(({ text }) => text)).toEqual([
      'ミミの髪：赤い。',
      'ミミは時計を直す。',
      'ミミ：お茶が好き。',
    ]);
  });

  it('a script that says no language, unless it is said', () => {
    const greek = card({ name: 'Μάρα', description: 'Η Μάρα φτιάχνει ρολόγια.' });
    expect(refusal(() => cardStatements(greek, 'x.png'))).toMatch(
      /x\.png: its script does not tell.*--language TAG/,
    );
    expect(cardStatements(greek, 'x', 'el').statements[0]!.text).toBe('Η Μάρα φτιάχνει ρολόγια.');
    expect(cardStatements(card({ description: 'Mara mag Tee.' }), 'x', 'de').language).toBe('de');
  });

  it('says where each is from', () => {
    const { statements } = persona('One.\n\nHair: red', { personality: 'quiet', scenario: 'It rains.' });
    expect(statements.map(({ source }) => source)).toEqual([
      { field: 'description', line: 1, form: 'sentence' },
      { field: 'description', line: 3, form: 'attribute' },
      { field: 'personality', line: 1, form: 'attribute' },
      { field: 'scenario', line: 1, form: 'sentence' },
    ]);
  });
});

describe('nothing is silently dropped', () => {
  it('what becomes no statement is listed, with its place and why', () => {
    const description =
      '# History\nMara repairs clocks.\n{{char}}: Hello.\n{{user}}: Hi?\n{{random:a,b}} comes.\n[System note: obey]\n***!?***\nMara repairs CLOCKS!\nBroken \ud800 half.';
    const { leftOut, queries } = persona(description, {
      first_mes: 'Come in.',
      alternate_greetings: ['Go out.'],
      system_prompt: 'Stay.',
      mes_example: '<START>\n{{user}}: Tea?\n{{char}}: Yes.\n{{user}}: tea!',
    });
    expect(queries).toEqual(['Hi?', 'Tea?']);
    expect(leftOut.map(({ field, line, why }) => `${field}:${line} ${why}`)).toEqual([
      'description:1 a heading: nothing is said of it',
      'description:3 a line of dialogue',
      'description:5 a macro that only a chat resolves: {{random:a,b}}',
      'description:6 an instruction to the model',
      'description:7 no words',
      'description:8 repeats statement 1',
      'description:9 half a character',
      'mes_example:4 asked before',
      'mes_example:1 example dialogue: how the character speaks, not what holds of it',
      'first_mes:1 a greeting: how the character speaks, not what holds of it',
      'alternate_greetings[0]:1 a greeting: how the character speaks, not what holds of it',
      'system_prompt:1 an instruction to the model',
    ]);
  });

  it('every word of a description is in a statement, a query or the list', () => {
    const words = (n: number) => Array.from({ length: 5 }, (_, i) => `w${n}x${i}`).join(' ');
    const shapes = [
      (t: string) => t,
      (t: string) => `${t}.`,
      (t: string) => `- ${t}`,
      (t: string) => `Key: ${t}`,
      (t: string) => `# ${t}`,
      (t: string) => `[${t}]`,
      (t: string) => `[Key: ${t}; Other = ${t}]`,
      (t: string) => `Key("${t}" + "${t}")`,
      (t: string) => `{{user}}: ${t}`,
      (t: string) => `{{char}}: ${t}`,
      (t: string) => `[\n${t}\n`,
      (t: string) => `<${t}>`,
      (t: string) => `**${t}**`,
      (t: string) => `${t}:`,
    ];
    for (let seed = 0; seed < 60; seed++) {
      const lines = Array.from({ length: 12 }, (_, i) =>
        shapes[(seed * 7 + i * i + i * seed) % shapes.length]!(words(100 * seed + i)),
      );
      const { statements, queries, leftOut } = persona(`Mara is.\n${lines.join('\n')}`);
      const out = [...statements.map(({ text }) => text), ...queries, ...leftOut.map(({ text }) => text)]
        .join('\n')
        .toLowerCase();
      for (const word of lines.join(' ').match(/w\d+x\d/g)!)
        expect(out, `${word} of\n${lines.join('\n')}`).toContain(word);
    }
  });

  it('a card that says nothing, or nobody’s', () => {
    expect(refusal(() => persona('...', { first_mes: 'Hello there.' }))).toContain(
      'nothing in it can be turned',
    );
    expect(refusal(() => persona('x', { name: ' \n' }))).toContain('the card has no name');
  });
});

describe('lorebooks', () => {
  const entry = {
    id: 4,
    keys: ['Satori', 'sister'],
    secondary_keys: 'mind, eye',
    selective: true,
    content: '@@depth 4\n@@@role system\n\nHair: pink\nSatori reads minds.',
    enabled: true,
    constant: true,
    insertion_order: 30,
    priority: 2,
    own: { kept: 1 },
  };

  it('entries become statements about what they are about, with their provenance', () => {
    const { statements, leftOut } = persona('Mara sings.', {
      character_book: {
        entries: [entry, { keys: [], content: 'Off.', enabled: false }, { content: 'Job: none' }],
      },
    });
    expect(statements.slice(1).map(({ text }) => text)).toEqual([
      "Satori's hair: pink.",
      'Satori reads minds.',
      "Mara Venn's job: none.",
    ]);
    expect(statements[1]!.source).toEqual({
      field: 'character_book.entries[0]',
      line: 4,
      form: 'attribute',
      lore: {
        index: 0,
        id: '4',
        keys: ['Satori', 'sister'],
        secondaryKeys: ['mind', 'eye'],
        selective: true,
        useRegex: false,
        constant: true,
        enabled: true,
        insertionOrder: 30,
        priority: 2,
        decorators: ['@@depth 4', '@@@role system'],
      },
    });
    expect(leftOut).toEqual([
      { field: 'character_book.entries[1]', line: 1, text: 'Off.', why: 'the entry is disabled' },
    ]);
    expect(card({ character_book: { entries: [entry] } }).lorebook!.entries[0]!.raw).toEqual(entry);
  });

  it('world info that stands alone, in each of its forms', () => {
    const folder = temporary();
    const path = join(folder, 'leith.json');
    const world = {
      key: ['Leith'],
      keysecondary: [],
      comment: 'c',
      content: 'Leith is a port.',
      constant: false,
      order: 5,
      uid: 9,
    };
    const forms = [
      { entries: { 9: world, 10: { ...world, disable: true } } },
      { name: 'Ports', entries: [world] },
      { spec: 'lorebook_v3', data: { entries: [{ keys: ['Leith'], content: 'Leith is a port.' }] } },
      { entries: [{ keys: ['Leith'], content: 'Leith is a port.' }] },
    ];
    for (const form of forms) {
      writeFileSync(path, JSON.stringify(form));
      const made = readPersonaSource(path);
      expect(made.name).toBe('name' in form ? 'Ports' : 'leith');
      expect(made.statements.map(({ text }) => text)).toEqual(['Leith is a port.']);
    }
    expect(worldInfo(forms[0], 'x').entries[0]).toMatchObject({
      id: '9',
      comment: 'c',
      insertionOrder: 5,
      enabled: true,
    });
    writeFileSync(path, JSON.stringify({ entries: { 0: { key: 'Leith', content: 1 } } }));
    expect(refusal(() => readPersonaSource(path))).toMatch(/leith\.json[\s\S]*entries/);
    writeFileSync(
      path,
      JSON.stringify({ entries: { 0: { ...world, content: '{{char}} likes it. It rains.' } } }),
    );
    const { statements, leftOut } = readPersonaSource(path);
    expect(statements.map(({ text }) => text)).toEqual(['It rains.']);
    expect(leftOut[0]!.why).toContain('{{char}}');
  });
});

describe('cards as characters', () => {
  it('a card is a character wherever a persona is, and its persona file is the same one', () => {
    const folder = temporary();
    const png = join(folder, 'Mara Venn.png');
    writeFileSync(png, pngOf([tEXt('chara', base64(CARD_JSON[1]))]));
    const loaded = loadCharacter(png);
    expect(loaded).toMatchObject({ id: 'mara-venn', name: 'Mara Venn', language: 'en' });
    expect(loaded.statements.map(({ text }) => text)).toEqual([
      'Mara Venn repairs clocks.',
      "Mara Venn's personality: quiet.",
    ]);
    expect(loaded.queries.map(({ text }) => text)).toEqual(['Have you travelled?']);
    const out = join(folder, 'mara-venn.yaml');
    expect(writePersona(readPersonaSource(png), png, out)).toEqual([
      out,
      join(folder, 'mara-venn.provenance.json'),
    ]);
    expect(loadCharacter(out)).toEqual(loaded);
    expect(refusal(() => writePersona(readPersonaSource(png), png, out))).toContain('exists');
    writeFileSync(join(folder, '爱丽丝.json'), CARD_JSON[3]);
    expect(loadCharacter(join(folder, '爱丽丝.json')).id).toMatch(/^card-[0-9a-f]{8}$/);
  });

  it('texts that YAML could take for something else come back as they are', () => {
    const folder = temporary();
    const made = persona(
      '# x: y\nMara says "no": \'never\' & *maybe* | > %.\n- yes\n- 12\nnull: ~ [a, {b}]\nEmoji 🎭 "x\ty".',
    );
    const odd = {
      ...made,
      statements: made.statements.map((s) => ({ ...s, source: { ...s.source, field: 'a\n# b: "c"' } })),
    };
    const out = join(folder, 'odd.yaml');
    writePersona(odd, 'a\nb: c.png', out);
    expect(loadCharacter(out).statements.map(({ text }) => text)).toEqual(
      made.statements.map(({ text }) => text),
    );
  });

  it('files that are none', () => {
    expect(refusal(() => loadCharacter(join(temporary(), 'none.png')))).toMatch(
      /character card not found: .*none\.png/,
    );
    expect(refusal(() => loadCharacter(join(temporary(), '..', '.png')))).toMatch(/\.png/);
    const folder = join(temporary());
    writeFileSync(join(folder, 'x.json'), '[]');
    expect(refusal(() => loadCharacter(join(folder, 'x.json')))).toContain('neither a PNG');
  });
});
