import { Blocks, type Reduced } from './blocks.js';

const NAME = /^(?:(?:full )?name|名称|名字|姓名|名前|氏名)\s*[:：]\s*(.{1,80}?)[.。]?$/i;

/**
 * Plain text: paragraphs between blank lines. Lines that begin with # are headings, as in pages that were saved
 * as text. The name is the first heading of the first level, or a line `Name: …`.
 */
export function readPlain(text: string): Reduced {
  const blocks = new Blocks();
  let title: string | undefined;
  let said: string | undefined;
  text.split(/\r\n?|\n/).forEach((raw, i) => {
    const line = raw.trim();
    const [, marks, heading] = /^(#{1,6})\s+(\S.*)$/.exec(line) ?? [];
    if (marks !== undefined) {
      if (marks.length === 1) title ??= heading!;
      blocks.heading(marks.length, heading!);
      return;
    }
    said ??= line.length < 120 ? NAME.exec(line)?.[1] : undefined;
    blocks.add(line, i + 1);
  });
  blocks.end();
  const name = title ?? said;
  return { ...(name === undefined ? {} : { name }), blocks: blocks.blocks, notes: [] };
}
