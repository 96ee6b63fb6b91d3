import { extname } from 'node:path';
import { TruecastError } from '../support/errors.js';
import { openCardFile } from './cards/cardFile.js';
import type { LoreSource } from './cards/collector.js';
import { isWorldInfo, worldInfo } from './cards/lorebook.js';
import { CARD_EXTENSIONS } from './cards/names.js';
import { foundIn } from './cards/read.js';
import { cardName } from './cards/statements.js';
import type { Block, BlockKind } from './documents/blocks.js';
import { type CardBlock, cardBlocks, loreBlocks } from './documents/cardDocument.js';
import { readMarkdown } from './documents/markdown.js';
import { readPlain } from './documents/plain.js';
import { isWikiDump, readWikiDump } from './documents/wikiDump.js';
import { isWikitext, readWikitext } from './documents/wikitext.js';
import { decodeText, readBounded } from './encoding.js';
import { languageOf } from './language.js';

export type DocumentFormat = 'text' | 'markdown' | 'wikitext' | 'card' | 'lorebook';

/** Where a paragraph is from. */
export interface Provenance {
  kind: BlockKind;
  /** In the file; of a card, in the field. */
  line: number;
  section?: string;
  /** Of a card: the key that it stands at. */
  field?: string;
  lore?: LoreSource;
}

/** A text about somebody, whatever file it was in. */
export interface TextDocument {
  path: string;
  format: DocumentFormat;
  /** The paragraphs, blank lines between them. */
  text: string;
  paragraphs: string[];
  /** Of each paragraph, in their order. */
  provenance: Provenance[];
  /** Whom it is about, where it says so: a title, a line `Name: …`, a card's name. */
  name?: string;
  /** As far as its script tells (see languageOf). */
  language?: string;
  /** What was left out, for people. */
  notes: string[];
}

/** A document of more is no text about one character. */
const LARGEST = 16 * 2 ** 20;
const CARD_FILE = 512 * 2 ** 20;
const TEXTS = ['.txt', '.text', ''];
const MARKDOWN = ['.md', '.markdown', '.mdown'];
const WIKI = ['.wiki', '.wikitext', '.mediawiki', '.mw'];

const REFUSED: Record<string, string> = {
  '.html': 'save the page as plain text or Markdown, or its wiki source',
  '.htm': 'save the page as plain text or Markdown, or its wiki source',
  '.xhtml': 'save the page as plain text or Markdown, or its wiki source',
  '.pdf': 'save it as plain text',
  '.docx': 'save it as plain text',
  '.doc': 'save it as plain text',
  '.odt': 'save it as plain text',
  '.rtf': 'save it as plain text',
  '.epub': 'save it as plain text',
  '.yaml': 'it is a persona or a configuration: use it as such',
  '.yml': 'it is a persona or a configuration: use it as such',
};

/**
 * Reads a document: plain text, Markdown, a wiki's page (its source, or an XML export of one page), a character
 * card or a lorebook. Text is UTF-8, or UTF-16 with its mark.
 * @throws TruecastError where it is none of them, in another encoding, or says nothing
 */
export function readDocument(path: string): TextDocument {
  const extension = extname(path).toLowerCase();
  const remedy = REFUSED[extension];
  if (remedy !== undefined)
    throw new TruecastError(`no document that can be read: ${path} is ${extension}`, remedy);
  const isCard = CARD_EXTENSIONS.includes(extension);
  const bytes = readBounded(path, 'document', isCard ? CARD_FILE : LARGEST);
  const document = isCard ? readCardDocument(bytes, path) : readTextDocument(bytes, path, extension);
  if (document.paragraphs.length === 0)
    throw new TruecastError(`the document says nothing: ${path}`, 'give one with text');
  return document;
}

function readTextDocument(bytes: Buffer, path: string, extension: string): TextDocument {
  if (bytes.subarray(0, 5).toString('latin1') === '%PDF-')
    throw new TruecastError(`no document that can be read: ${path} is a PDF`, 'save it as plain text');
  const text = decodeText(bytes, path);
  const nul = text.indexOf('\0');
  if (nul >= 0)
    throw new TruecastError(
      `${path}: line ${text.slice(0, nul).split('\n').length}: a zero byte, so it is no text`,
      'give a text file in UTF-8',
    );
  if (/^\s*(?:<\?xml[^>]{0,200}\?>\s*)?<(?:!doctype\s+html|html)\b/i.test(text.slice(0, 1000)))
    throw new TruecastError(`no document that can be read: ${path} is HTML`, REFUSED['.html']);
  if (extension === '.xml' || (isWikiDump(text) && /^\s*<(mediawiki|page|\?xml)/.test(text))) {
    const page = readWikiDump(text, path);
    return documentOf(path, 'wikitext', { name: page.title, ...readWikitext(page.text, path, page.line) });
  }
  if (WIKI.includes(extension) || (TEXTS.includes(extension) && isWikitext(text)))
    return documentOf(path, 'wikitext', readWikitext(text.replace(/\r\n?/g, '\n'), path));
  if (MARKDOWN.includes(extension)) return documentOf(path, 'markdown', readMarkdown(text));
  if (TEXTS.includes(extension)) return documentOf(path, 'text', readPlain(text));
  throw new TruecastError(
    `no document that can be read: ${path} is ${extension}`,
    'give plain text (.txt), Markdown (.md), a wiki page (.wiki, .xml) or a character card (.png, .json, .charx)',
  );
}

function readCardDocument(bytes: Buffer, path: string): TextDocument {
  const file = openCardFile(bytes, path);
  const value = file.container === 'json' ? file.texts[0]!.json.value : undefined;
  if (isWorldInfo(value)) {
    const book = worldInfo(value, path);
    const name = book.name === undefined ? {} : { name: book.name };
    return documentOf(path, 'lorebook', { ...name, ...loreBlocks(book, '') });
  }
  const { found } = foundIn(file, path);
  const { blocks, notes } = cardBlocks(found.card);
  return documentOf(path, 'card', {
    name: cardName(found.card),
    blocks,
    notes: [...found.warnings, ...notes],
  });
}

function documentOf(
  path: string,
  format: DocumentFormat,
  { name, blocks, notes }: { name?: string; blocks: readonly (Block | CardBlock)[]; notes: string[] },
): TextDocument {
  const paragraphs = blocks.map((block) => block.text);
  const text = paragraphs.join('\n\n');
  const language = languageOf(text);
  return {
    path,
    format,
    text,
    paragraphs,
    provenance: blocks.map(({ text: _, ...provenance }) => provenance),
    ...(name ? { name } : {}),
    ...(language ? { language } : {}),
    notes,
  };
}
