import { type Fields, isCount, MAX_ID } from './fields.js';
import { type Component, library, type Model, type Unigram } from './library.js';

/** tokenizer.json's `model` with what the library takes for granted checked. */
export function readModel(model: Fields): Component {
  const type = kindOf(model);
  if (type === 'Unigram') checkUnigram(model);
  else checkIds(model);
  if (type === 'BPE') checkMerges(model);
  if (type === 'WordPiece' && !Object.hasOwn(model.value('vocab') as object, model.string('unk_token')))
    model.refuse(': its vocab does not have its unk_token');
  if (type !== 'WordPiece') return { ...model.raw, type };
  return {
    ...model.raw,
    type,
    continuing_subword_prefix: model.string('continuing_subword_prefix', '##'),
    max_input_chars_per_word: model.count('max_input_chars_per_word', 100),
  };
}

/** Files of old versions do not say it. */
function kindOf(model: Fields): 'Unigram' | 'BPE' | 'WordPiece' {
  if (!model.has('type')) {
    if (Array.isArray(model.value('vocab'))) return 'Unigram';
    return model.has('merges') ? 'BPE' : 'WordPiece';
  }
  const { type } = model;
  if (type === 'Unigram' || type === 'BPE' || type === 'WordPiece') return type;
  return model.refuse(`: ${type} is not supported`);
}

function checkUnigram(model: Fields): void {
  const vocab = model.list('vocab');
  vocab.forEach((entry, id) => {
    const [piece, score] = Array.isArray(entry) && entry.length === 2 ? (entry as unknown[]) : [];
    if (typeof piece !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
      model.refuse(`: vocab[${id}] is not a piece and its score`);
  });
  const unknown = model.value('unk_id') ?? 0;
  if (!isCount(unknown) || unknown >= vocab.length)
    model.refuse(`: unk_id ${String(unknown)} is not an id of its vocab`);
  // the library would leave the bytes out
  if (model.boolean('byte_fallback', false)) model.refuse(': byte_fallback of a Unigram is not supported');
}

function checkIds(model: Fields): void {
  const vocab = model.object('vocab');
  for (const [piece, id] of Object.entries(vocab.raw))
    if (!isCount(id)) vocab.refuse(`: the id of ${JSON.stringify(piece)} is not a count`);
}

function checkMerges(model: Fields): void {
  const merges = model.list('merges');
  if (merges.length > MAX_ID) model.refuse(`: has ${merges.length} merges, more than ${MAX_ID}`);
  const lists = Array.isArray(merges[0]);
  for (let rank = 0; rank < merges.length; rank++)
    if (!(lists ? isPair(merges[rank]) : isSpelt(merges[rank])))
      model.refuse(`: merge ${rank} is not a pair`);
  if (model.string('continuing_subword_prefix', '') !== '')
    model.refuse(': continuing_subword_prefix of a BPE is not supported');
}

const isPair = (merge: unknown) =>
  Array.isArray(merge) && merge.length === 2 && typeof merge[0] === 'string' && typeof merge[1] === 'string';

/** Two pieces with one blank between. */
function isSpelt(merge: unknown): boolean {
  if (typeof merge !== 'string') return false;
  const blank = merge.indexOf(' ');
  return blank >= 0 && !merge.includes(' ', blank + 1);
}

/** Neighbouring characters without a piece become one unknown token within a word; the library joins words' too. */
export function encodeWordByWord(model: Model): void {
  const encode = model._call.bind(model);
  model._call = (words) => words.flatMap((word) => encode([word]));
  // its own hands a word's pieces to a function one by one, of which JavaScript takes only so many
  if (model instanceof library.Unigram)
    model.encode = (words) => words.flatMap((word) => model.tokenize(word));
}

/** Takes away every way by which a text could become one of some pieces. */
export function hidePieces(model: Model, hidden: Iterable<string>): void {
  for (const piece of hidden) {
    model.tokens_to_ids.delete(piece);
    const characters = [...piece];
    if (model instanceof library.Unigram) {
      let node: Unigram['trie']['root'] | undefined = model.trie.root;
      for (const character of characters) node = node?.children.get(character);
      if (node) node.is_leaf = false;
    } else if (model instanceof library.BPE) {
      for (let cut = 1; cut < characters.length; cut++) {
        const pair = [characters.slice(0, cut).join(''), characters.slice(cut).join('')];
        model.bpe_ranks.delete(JSON.stringify(pair));
      }
    }
  }
}
