/**
 * Trains byte-pair encoding in the style of SentencePiece and Gemma: a space becomes "▁", a word carries the
 * "▁" before it, digits stand alone, and whatever has no token of its own is spelled in bytes (`<0x00>` …).
 *
 * Gemma's tokenizer applies its merges to the whole text, without cutting it into words first. That gives
 * the segmentation learnt here all the same: no merge has "▁" anywhere but in front, none mixes letters with
 * punctuation or digits, so none can reach over the end of a word.
 */
/** The 256 tokens that spell what no other token covers. */
export const byteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const pieces = /▁?\p{Script=Han}+|▁?(?:(?!\p{Script=Han})[\p{L}\p{M}])+(?:['’](?:(?!\p{Script=Han})\p{L})+)*|▁(?=\p{N})|\p{N}|▁?[^\p{L}\p{M}\p{N}▁]|▁/gu;
/** The units within which characters may merge. */
export function splitPieces(text) {
    return text.replaceAll(' ', '▁').match(pieces) ?? [];
}
/** Adds the pieces of a text to a table of counts. */
export function countPieces(counts, text, weight = 1) {
    for (const piece of splitPieces(text))
        counts.set(piece, (counts.get(piece) ?? 0) + weight);
}
export function trainBpe(counts, options) {
    const characters = chooseCharacters(counts, options);
    const known = new Set(characters);
    const words = [];
    for (const [piece, count] of counts) {
        const symbols = [...piece];
        if (symbols.length > 1 && symbols.every((symbol) => known.has(symbol)))
            words.push({ symbols, count });
    }
    const pairs = new PairTable(words);
    const merges = [];
    const tokens = new Set(characters);
    while (tokens.size < options.size) {
        const best = pairs.best(options.longest);
        if (best === undefined)
            break;
        merges.push(best);
        pairs.merge(best);
        tokens.add(best[0] + best[1]);
    }
    return { characters, merges };
}
/** How often each pair of neighbours occurs, kept up to date while pairs merge. */
class PairTable {
    words;
    pairs = new Map();
    constructor(words) {
        this.words = words;
        for (let index = 0; index < words.length; index++)
            this.count(index, 1);
    }
    /** The most frequent pair; among equals the first in code unit order, so that every run agrees. */
    best(longest) {
        let best;
        for (const pair of this.pairs.values()) {
            if (pair.count < 2 || pair.length > longest)
                continue;
            if (best === undefined || pair.count > best.count || (pair.count === best.count && precedes(pair, best)))
                best = pair;
        }
        return best && [best.left, best.right];
    }
    merge([left, right]) {
        const holders = this.pairs.get(keyOf(left, right))?.words ?? [];
        for (const index of [...holders]) {
            const word = this.words[index];
            const merged = mergeSymbols(word.symbols, left, right);
            if (merged.length === word.symbols.length)
                continue;
            this.count(index, -1);
            word.symbols = merged;
            this.count(index, 1);
        }
        this.pairs.delete(keyOf(left, right));
    }
    count(index, sign) {
        const { symbols, count } = this.words[index];
        for (let i = 1; i < symbols.length; i++) {
            const left = symbols[i - 1];
            const right = symbols[i];
            const key = keyOf(left, right);
            let pair = this.pairs.get(key);
            if (pair === undefined) {
                const length = [...left].length + [...right].length;
                pair = { left, right, length, count: 0, words: new Set() };
                this.pairs.set(key, pair);
            }
            pair.count += sign * count;
            if (sign > 0)
                pair.words.add(index);
            else if (pair.count === 0)
                this.pairs.delete(key);
        }
    }
}
/** A line break is always a piece of its own, so it can part the two sides of a key. */
function keyOf(left, right) {
    return `${left}\n${right}`;
}
function precedes(a, b) {
    return a.left < b.left || (a.left === b.left && a.right < b.right);
}
function mergeSymbols(symbols, left, right) {
    const merged = [];
    for (let i = 0; i < symbols.length; i++) {
        if (symbols[i] === left && symbols[i + 1] === right) {
            merged.push(left + right);
            i++;
        }
        else {
            merged.push(symbols[i]);
        }
    }
    return merged;
}
function chooseCharacters(counts, options) {
    const frequency = new Map();
    for (const character of options.required)
        frequency.set(character, 0);
    const required = new Set(frequency.keys());
    for (const [piece, count] of counts)
        for (const character of piece)
            frequency.set(character, (frequency.get(character) ?? 0) + count);
    return [...frequency]
        .filter(([character, count]) => required.has(character) || count >= options.minimumCharacterCount)
        .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
        .map(([character]) => character);
}
//# sourceMappingURL=bpe.js.map