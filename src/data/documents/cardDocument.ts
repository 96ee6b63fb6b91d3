import type { CharacterCard } from '../cards/card.js';
import type { LoreSource } from '../cards/collector.js';
import type { Lorebook } from '../cards/lorebook.js';
import { resolveMacros, userName } from '../cards/macros.js';
import { cardLanguage, cardName } from '../cards/statements.js';
import type { Block } from './blocks.js';

/** A paragraph of a card. */
export interface CardBlock extends Block {
  field: string;
  lore?: LoreSource;
}

/** Description, personality, scenario and lorebook of a card as paragraphs, {{char}} and {{user}} resolved. */
export function cardBlocks(card: CharacterCard): { blocks: CardBlock[]; notes: string[] } {
  const macros = { char: cardName(card), user: userName(cardLanguage(card) ?? 'en') };
  const blocks = (['description', 'personality', 'scenario'] as const).flatMap((field) =>
    paragraphs(card[field]).map(
      ({ text, line }): CardBlock => ({ text: resolveMacros(text, macros), kind: 'card', line, field }),
    ),
  );
  const lore = card.lorebook ? loreBlocks(card.lorebook, 'character_book.') : { blocks: [], notes: [] };
  for (const block of lore.blocks) block.text = resolveMacros(block.text, macros);
  return { blocks: [...blocks, ...lore.blocks], notes: lore.notes };
}

/** Entries of a lorebook as paragraphs; those that are disabled are left out. */
export function loreBlocks(book: Lorebook, prefix: string): { blocks: CardBlock[]; notes: string[] } {
  const blocks = book.entries
    .filter(({ enabled }) => enabled)
    .flatMap(({ content, linesBefore, raw: _, ...lore }) =>
      paragraphs(content).map(({ text, line }): CardBlock => {
        const field = `${prefix}entries[${lore.index}]`;
        return { text, kind: 'lorebook', line: line + linesBefore, field, lore };
      }),
    );
  const disabled = book.entries.filter(({ enabled }) => !enabled).length;
  return { blocks, notes: disabled > 0 ? [`entries of the lorebook that are disabled: ${disabled}`] : [] };
}

function paragraphs(text: string): { text: string; line: number }[] {
  const found: { text: string; line: number }[] = [];
  let lines: string[] = [];
  const all = [...text.split(/\r\n?|\n/), ''];
  all.forEach((raw, i) => {
    const line = raw.trim();
    if (line !== '') lines.push(line);
    else if (lines.length > 0) {
      found.push({ text: lines.join('\n'), line: i + 1 - lines.length });
      lines = [];
    }
  });
  return found;
}
