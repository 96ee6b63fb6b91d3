import { describe, expect, it } from 'vitest';
import { readDocument } from '../../src/data/index.js';
import { write } from '../data/helpers.js';
import { base64, CARD_JSON, pngOf, tEXt } from '../helpers/cards.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';

const folder = temporaryFolders()();
const read = (name: string, content: string | Uint8Array) => readDocument(write(folder, name, content));
const refused = (name: string, content: string | Uint8Array) => refusal(() => read(name, content));

describe('plain text', () => {
  it('paragraphs between blank lines; lines with # are headings', () => {
    const document = read(
      'mara.txt',
      '# Mara Venn\r\nMara repairs clocks.\r\nIn Leith.\r\n\r\n \r\n## Life\r\nBorn there.\r\n',
    );
    expect(document).toEqual({
      path: expect.stringContaining('mara.txt'),
      format: 'text',
      text: 'Mara repairs clocks.\nIn Leith.\n\nBorn there.',
      paragraphs: ['Mara repairs clocks.\nIn Leith.', 'Born there.'],
      provenance: [
        { kind: 'text', line: 2, section: 'Mara Venn' },
        { kind: 'text', line: 7, section: 'Mara Venn > Life' },
      ],
      name: 'Mara Venn',
      language: 'en',
      notes: [],
    });
  });

  it('a name line tells the name', () => {
    expect(read('a', 'Name: Mara Venn.\nAge: 41').name).toBe('Mara Venn');
    expect(read('a.txt', '年龄：26\n名称：爱丽丝。')).toMatchObject({ name: '爱丽丝', language: 'zh' });
    expect(read('a.txt', 'ミミはお茶が好き')).toMatchObject({ language: 'ja' });
    expect(read('a.txt', 'Η Μάρα φτιάχνει ρολόγια.').language).toBeUndefined();
  });

  it('UTF-8 and UTF-16 with their marks', () => {
    const text = 'Márá 🎭.\n\nZwei.';
    const le = Buffer.from(`\uFEFF${text}`, 'utf16le');
    for (const bytes of [Buffer.from(text), Buffer.from(`\uFEFF${text}`), le, Buffer.from(le).swap16()])
      expect(read('u.txt', bytes).text).toBe(text);
  });

  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      'Latin-1',
      'l.txt',
      Buffer.from('a\nb\nM\xe1ra', 'latin1'),
      /l\.txt: line 3, byte 5: not UTF-8 \(0xe1\).*save it as UTF-8/,
    ],
    ['UTF-8 that is cut off', 'l.txt', Buffer.from('aé').subarray(0, 2), /line 1, byte 1: not UTF-8/],
    [
      'UTF-16 that is cut off',
      'l.txt',
      Buffer.from('\uFEFFab', 'utf16le').subarray(0, 5),
      /half a character at its end/,
    ],
    [
      'UTF-16 with half a pair',
      'l.txt',
      Buffer.from('\uFEFFa\n\ud800b', 'utf16le'),
      /line 2, byte 6: half a character/,
    ],
    ['UTF-16 without its mark', 'l.txt', Buffer.from('abc', 'utf16le'), /line 1: a zero byte/],
    ['HTML', 'l.html', '<p>', /is \.html.*plain text or Markdown/],
    ['HTML by another name', 'l.txt', ' <!DOCTYPE html>\n<html>', /l\.txt is HTML/],
    ['a PDF', 'l.txt', '%PDF-1.7', /is a PDF/],
    ['a PDF by name', 'l.pdf', 'x', /is \.pdf/],
    ['a persona', 'l.yaml', 'name: x', /it is a persona/],
    ['something else', 'l.csv', 'a,b', /is \.csv.*plain text/],
    ['nothing', 'l.txt', ' \n\n', /says nothing/],
    ['a dump of many pages', 'l.xml', '<mediawiki><page></page><page></page></mediawiki>', /holds 2 pages/],
    ['a dump of no page', 'l.xml', '<feed/>', /holds no page/],
    ['a page without its text', 'l.xml', '<page><title>A</title></page>', /has no text/],
    ['a redirect', 'l.wiki', '#REDIRECT [[Mara Venn]]', /only redirects to Mara Venn/],
    ['templates without end', 'l.wiki', '{{'.repeat(100_000), /templates nested more than 60/],
    ['links without end', 'l.wiki', '[['.repeat(100_000), /links nested more than 60/],
    ['a damaged card', 'l.png', pngOf([tEXt('chara', '?')]), /neither base64 nor JSON/],
  ])('refused: %s', (_, name, content, says) => {
    expect(refused(name, content)).toMatch(says);
  });

  it('refused: a folder, a missing file, and one that is too large', () => {
    expect(refusal(() => readDocument(folder))).toMatch(/document is no file/);
    expect(refusal(() => readDocument(`${folder}/none.txt`))).toMatch(/document not found: .*none\.txt/);
    expect(refused('large.txt', Buffer.alloc(17 * 2 ** 20, 'a '))).toMatch(/has 17\.8 MB, at most 16\.8 MB/);
  });
});

describe('Markdown', () => {
  const source = `---
name: Mara
tags: [a]
---

Mara **Venn**
=============

Mara _repairs_ [old \`clocks\`](https://x.org "t") in *Leith*, snake_case_name and 2 * 3 &amp; so on &valueOf;.<br>
[![badge](a.png)](b) See <https://x.org>, [a note][1] and text[^1].

## Likes

- **tea** with milk
- [x] rain
1. fog

<!-- not
this -->
> Quoted words.

| Thing | Price |
|:------|------:|
| Clock | 5 \\| 6 |
| Watch | |

\`\`\`js
const secret = 1;
\`\`\`

***

[1]: https://x.org
Done \\*so\\*.
`;

  it('becomes sensible text', () => {
    const { paragraphs, provenance, name, notes, format } = read('mara.md', source);
    expect(format).toBe('markdown');
    expect(name).toBe('Mara Venn');
    expect(paragraphs).toEqual([
      'name: Mara\ntags: [a]',
      'Mara repairs old clocks in Leith, snake_case_name and 2 * 3 & so on &valueOf;.\nbadge See https://x.org, a note and text.',
      'tea with milk\nrain\nfog',
      'Quoted words.',
      'Thing: Clock; Price: 5 | 6\nThing: Watch',
      'Done *so*.',
    ]);
    expect(provenance.map(({ kind, line }) => `${kind} ${line}`)).toEqual([
      'infobox 2',
      'text 9',
      'list 14',
      'text 20',
      'table 24',
      'text 34',
    ]);
    expect(provenance[2]!.section).toBe('Mara Venn > Likes');
    expect(notes).toEqual([
      'blocks of code that were left out: 1',
      'pictures, of which the description was kept: 1',
    ]);
  });
});

describe('a wiki page', () => {
  const source = `{{Short description|A clockmaker}}
{{Infobox person
| name = Mara Venn
| image = Mara.jpg
| caption = At work
| birth_date = {{birth date and age|1985|3|2|df=y}}
| birth_place = [[Leith]], [[Scotland|the north]]
| occupation = {{ubl|clockmaker|[[singer]]}}
| empty =
}}
'''Mara Venn''' ({{lang|gd|Màiri}}; born 2 March 1985) is a ''clockmaker''.<ref name="a">{{cite web|title=X|url=y}}</ref> She lives in [[Leith]]<ref name="b" />, {{convert|3|km|mi}} from [[Edinburgh]].<!-- hidden -->{{citation needed}}

[[File:Shop.jpg|thumb|The [[shop]] in {{circa|1900}}]]
== Life ==
She has
* a [[dog (animal)|dog]]
* a cat [https://x.org named Tick]

{| class="wikitable"
! Year !! Place
|-
| 2001 || style="x" | [[Leith]]
|-
| 2002
| Fife
|}
=== Later ===
Nothing &ndash; yet&nbsp;more.

== References ==
{{reflist}}
Some source.
=== More ===
x
== Work ==
Clocks.
[[Category:Clockmakers]]
[[fr:Mara Venn]]
`;
  const expected = [
    'name: Mara Venn\nbirth date: 1985-3-2\nbirth place: Leith, the north\noccupation: clockmaker; singer',
    'Mara Venn (Màiri; born 2 March 1985) is a clockmaker. She lives in Leith, 3 km from Edinburgh.',
    'She has',
    'a dog\na cat named Tick',
    'Year: 2001; Place: Leith\nYear: 2002; Place: Fife',
    'Nothing – yet more.',
    'Clocks.',
  ];

  it('its source', () => {
    for (const name of ['mara.wiki', 'mara.txt']) {
      const { paragraphs, provenance, notes, format } = read(name, source);
      expect(format).toBe('wikitext');
      expect(paragraphs).toEqual(expected);
      expect(provenance.map(({ kind }) => kind)).toEqual([
        'infobox',
        'text',
        'text',
        'list',
        'table',
        'text',
        'text',
      ]);
      expect(provenance.map(({ section }) => section)).toEqual([
        undefined,
        undefined,
        'Life',
        'Life',
        'Life',
        'Life > Later',
        'Work',
      ]);
      expect(provenance.slice(1).map(({ line }) => line)).toEqual([11, 15, 16, 22, 28, 36]);
      expect(notes).toEqual([
        'templates without text: Short description, citation needed, reflist',
        'sections of sources: References',
      ]);
    }
  });

  it('an XML export of it', () => {
    const escaped = source.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    const xml = `<mediawiki xmlns="x"><siteinfo><sitename>W</sitename></siteinfo>
<page><title>Mara Venn &amp; co</title><revision><text bytes="9" xml:space="preserve">${escaped}</text></revision></page></mediawiki>`;
    for (const name of ['mara.xml', 'mara.txt']) {
      const document = read(name, xml);
      expect(document).toMatchObject({ format: 'wikitext', name: 'Mara Venn & co', paragraphs: expected });
      expect(document.provenance[1]!.line).toBe(12);
    }
  });

  it('in Chinese', () => {
    const { paragraphs, language } = read(
      'zh.wiki',
      `{{艺人\n|姓名 = 爱丽丝\n|职业 = [[吉他手]]\n}}\n'''爱丽丝'''住在[[海]]边。<ref>x</ref>\n\n==参考文献==\n{{reflist}}\n[[分类:人物]]`,
    );
    expect(paragraphs).toEqual(['姓名: 爱丽丝\n职业: 吉他手', '爱丽丝住在海边。']);
    expect(language).toBe('zh');
  });
});

describe('cards and lorebooks as documents', () => {
  it('texts of a card, macros resolved, with their fields', () => {
    const { text: _, path: __, ...document } = read('mara.png', pngOf([tEXt('chara', base64(CARD_JSON[2]))]));
    expect(document).toEqual({
      format: 'card',
      name: 'Mara Venn',
      language: 'en',
      paragraphs: ['Mara Venn repairs clocks.', 'quiet', 'Leith is a port.'],
      provenance: [
        { kind: 'card', line: 1, field: 'description' },
        { kind: 'card', line: 1, field: 'personality' },
        {
          kind: 'lorebook',
          line: 1,
          field: 'character_book.entries[0]',
          lore: {
            index: 0,
            id: '3',
            keys: ['Leith'],
            secondaryKeys: [],
            selective: false,
            useRegex: false,
            constant: true,
            enabled: true,
            insertionOrder: 7,
            decorators: [],
          },
        },
      ],
      notes: [],
    });
    expect(read('爱丽丝.json', CARD_JSON[3])).toMatchObject({ name: '爱丽丝', language: 'zh' });
  });

  it('world info', () => {
    const world = {
      entries: { 0: { key: ['a'], content: 'One.\n\nTwo.' }, 1: { content: 'Off.', disable: true } },
    };
    const { paragraphs, notes, format } = read('w.json', JSON.stringify(world));
    expect({ paragraphs, notes, format }).toEqual({
      paragraphs: ['One.', 'Two.'],
      notes: ['entries of the lorebook that are disabled: 1'],
      format: 'lorebook',
    });
  });
});

describe('texts made to be slow', () => {
  const n = 200_000;
  it.each(
    Object.entries({
      templates: '{{a}}'.repeat(n / 5),
      'closed templates': `{{lang|en|${'{{lang|en|'.repeat(50)}${'x'.repeat(n)}${'}}'.repeat(51)}`,
      bars: `{{infobox${'|a=b\n'.repeat(n / 5)}}}`,
      references: '<ref>'.repeat(n / 5),
      'references of each kind': '<ref><math><gallery>'.repeat(n / 20),
      comments: '<!--'.repeat(n / 4),
      links: '[[a]]'.repeat(n / 5),
      'open links': '[http://x'.repeat(n / 9),
      quotes: "'".repeat(n),
      equals: `= a${' ='.repeat(n / 2)}x`,
      'spaces in a heading': `== a${' '.repeat(n)}x`,
      'spaces in a template': `{{infobox|a=${' '.repeat(n)}b}}`,
      'a table': `{|\n${'|a=|\n'.repeat(n / 5)}`,
      'cells of equals': `{|\n|${'='.repeat(n)}[ |`,
      brackets: '['.repeat(n),
      stars: '*a'.repeat(n / 2),
      ticks: '`a'.repeat(n / 2),
      pictures: '![a]('.repeat(n / 5),
      entities: '&amp;'.repeat(n / 5),
      quoted: '> '.repeat(n / 2),
      pipes: '|'.repeat(n),
      parentheses: '( '.repeat(n / 2),
    }),
  )('%s', (_, text) => {
    for (const name of ['slow.md', 'slow.wiki', 'slow.txt']) {
      const begin = process.cpuUsage();
      try {
        read(name, `'''x''' [[y]] words\n\n${text}`);
      } catch (error) {
        expect((error as Error).name).toBe('TruecastError');
      }
      const { user, system } = process.cpuUsage(begin);
      expect(user + system, name).toBeLessThan(4e6);
    }
  });
});
