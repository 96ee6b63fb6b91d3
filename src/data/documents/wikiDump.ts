import { TruecastError } from '../../support/errors.js';
import { withoutEntities } from './blocks.js';

/** A page of a wiki's XML export. */
export interface WikiPage {
  title: string;
  text: string;
  /** Where the text begins in the file. */
  line: number;
}

export function isWikiDump(text: string): boolean {
  return /<(mediawiki|page)[\s>]/.test(text.slice(0, 5000));
}

/**
 * The one page in a MediaWiki XML export (Special:Export, or one <page> of a dump), its newest revision.
 * @throws TruecastError where there is no page, or several
 */
export function readWikiDump(xml: string, where: string): WikiPage {
  const pages = xml.match(/<page[\s>]/g)?.length ?? 0;
  if (pages !== 1)
    throw new TruecastError(
      `${where} holds ${pages === 0 ? 'no page' : `${pages} pages`} of a wiki`,
      'export the one page that is about the character',
    );
  const title = element(xml, 'title', xml.indexOf('<page'));
  const text = element(xml, 'text', xml.lastIndexOf('<text'));
  if (!title || !text)
    throw new TruecastError(`${where}: the page has no ${title ? 'text' : 'title'}`, 'export the page again');
  return {
    title: withoutEntities(title.inner).trim(),
    text: withoutEntities(text.inner),
    line: xml.slice(0, text.begin).split('\n').length,
  };
}

function element(xml: string, name: string, from: number): { inner: string; begin: number } | undefined {
  const open = from < 0 ? -1 : xml.indexOf(`<${name}`, from);
  const begin = open < 0 ? -1 : xml.indexOf('>', open) + 1;
  if (begin <= 0 || xml[begin - 2] === '/') return undefined;
  const end = xml.indexOf(`</${name}>`, begin);
  return end < 0 ? undefined : { inner: xml.slice(begin, end), begin };
}
