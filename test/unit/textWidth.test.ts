import { describe, expect, it } from 'vitest';
import { harmless, textWidth, wrapText } from '../../src/support/textWidth.js';

describe('textWidth', () => {
  it.each([
    ['abc', 3],
    ['', 0],
    ['你好，世界', 10],
    ['日本語テキスト', 14],
    ['ｱｲｳ', 3],
    ['한국어', 6],
    ['é', 1],
    ['e\u0301', 1],
    ['a\u200Db', 2],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['1', 1],
    ['…', 1],
    ['𠮷野家', 6],
  ])('%j takes %i columns', (text, columns) => {
    expect(textWidth(text)).toBe(columns);
  });
});

describe('wrapText', () => {
  it('breaks at spaces, and anywhere between wide characters', () => {
    expect(wrapText('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapText('你好世界你好', 8)).toEqual(['你好世界', '你好']);
    expect(wrapText('我爱 TypeScript 语言', 10)).toEqual(['我爱', 'TypeScript', '语言']);
  });

  it('begins no line with a closing mark, and ends none with an opening one', () => {
    expect(wrapText('你好世界。', 8)).toEqual(['你好世', '界。']);
    expect(wrapText('他说「好」', 6)).toEqual(['他说', '「好」']);
  });

  it('cuts what is longer than a line', () => {
    expect(wrapText('abcdefghij kl', 4)).toEqual(['abcd', 'efgh', 'ij', 'kl']);
  });

  it('keeps empty paragraphs', () => {
    expect(wrapText('a\n\nb', 10)).toEqual(['a', '', 'b']);
    expect(wrapText('', 10)).toEqual(['']);
  });

  it('never exceeds the columns and loses nothing but white space', () => {
    const texts = [
      'The quick “brown” fox (jumps!) over 12,345 lazy dogs… and www.example-of-a-very-long-word.test/abc',
      '昔々、あるところに「おじいさん」と（おばあさん）がいました。Café 👩‍👩‍👧 ends。',
      '爱丽丝·卡特，26岁——专业吉他手！她说：“我喜欢 indie folk 音乐。”',
    ];
    for (const text of texts) {
      for (let columns = 2; columns <= 40; columns++) {
        const lines = wrapText(text, columns);
        for (const line of lines) expect(textWidth(line), JSON.stringify(line)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      }
    }
  });
});

describe('harmless', () => {
  it('leaves nothing that a terminal would obey', () => {
    expect(harmless('a\x1b[31mb\x07\u202Ec\td\r\ne\x9b')).toBe('a\uFFFD[31mb\uFFFD\uFFFDc d\ne\uFFFD');
  });
});
