import type { Fields } from './fields.js';

/** A place in the layout of an input: a control token, or one of the texts, with its type. */
export type TemplateItem = { token: string; type: number } | { text: 'first' | 'second'; type: number };

/** How a model wants one text, and a pair, between its control tokens. */
export interface Template {
  single: TemplateItem[];
  pair: TemplateItem[];
}

/** From tokenizer.json's `post_processor`; undefined for none, which is the texts alone. */
export function readTemplate(processor: Fields | undefined): Template {
  if (!processor) return TEXTS_ALONE;
  switch (processor.type) {
    case 'ByteLevel':
      return TEXTS_ALONE;
    case 'Sequence':
      return readTemplate(processor.objects('processors').find((part) => part.type !== 'ByteLevel'));
    case 'TemplateProcessing':
      return {
        single: processor.objects('single').map(readItem),
        pair: processor.objects('pair').map(readItem),
      };
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const roberta = processor.type === 'RobertaProcessing';
      const [cls, sep] = [tokenOf(processor, 'cls'), tokenOf(processor, 'sep')];
      const second = roberta ? 0 : 1;
      const single = [token(cls, 0), text('first', 0), token(sep, 0)];
      const middle = roberta ? [token(sep, 0)] : [];
      return { single, pair: [...single, ...middle, text('second', second), token(sep, second)] };
    }
    default:
      return processor.refuse(`: post-processor ${processor.type} is not supported`);
  }
}

const token = (name: string, type: number): TemplateItem => ({ token: name, type });
const text = (which: 'first' | 'second', type: number): TemplateItem => ({ text: which, type });
const TEXTS_ALONE: Template = {
  single: [text('first', 0)],
  pair: [text('first', 0), text('second', 0)],
};

function readItem(fields: Fields): TemplateItem {
  if (fields.has('SpecialToken')) {
    const special = fields.object('SpecialToken');
    return token(special.string('id'), special.count('type_id'));
  }
  const sequence = fields.object('Sequence');
  return text(sequence.string('id') === 'A' ? 'first' : 'second', sequence.count('type_id'));
}

/** The token of a [token, id] pair. */
function tokenOf(processor: Fields, key: string): string {
  const [name] = processor.list(key);
  return typeof name === 'string' ? name : processor.refuse(`: ${key} is not a token and its id`);
}
