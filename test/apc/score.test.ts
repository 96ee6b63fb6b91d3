import { describe, expect, it } from 'vitest';
import { preferencePairs } from '../../src/apc/pairs.js';
import { Relevance } from '../../src/apc/relevance.js';
import { ApcScorer, apcSums, type ScoredResponse } from '../../src/apc/score.js';
import * as tf from '../../src/backends/tf.js';
import type { Discriminator } from '../../src/discriminators/discriminator.js';
import type { DiscriminatorInput } from '../../src/discriminators/format.js';
import { uniformAt } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { countingDiscriminator, logitsOf } from '../helpers/classifier.js';
import { expectClose } from '../helpers/compare.js';
import { softmax } from '../helpers/float64.js';

const PERSONA = {
  name: 'ada',
  statements: ['she sails', 'she fears dogs', 'she was born in a lighthouse', 'she never eats fish', 'x'],
};
const ITEMS = [
  { query: 'do you sail?', response: 'every day' },
  { query: 'any pets?', response: 'two dogs' },
  { query: 'do you sail?', response: 'never' },
  { query: 'any pets?', response: 'two dogs' },
];

/** What a counting discriminator says of an input, in float64. */
function probabilitiesOf(discriminator: Discriminator, input: DiscriminatorInput): Float64Array {
  const { ids, typeIds } = discriminator.tokenize(input);
  return softmax(
    logitsOf(
      ids.map((id, i) => [id, typeIds[i]!] as const),
      discriminator.model.labels,
    ),
  );
}

describeBackends('apcSums', () => {
  it('equal the formulas', () => {
    const [N, S] = [7, 11];
    const relevance = Array.from({ length: N * S }, (_, i) => uniformAt(1, i));
    const nli = Array.from({ length: N * S }, (_, i) =>
      softmax([0, 1, 2].map((label) => 6 * uniformAt(2, 3 * i + label))),
    );
    const expected = Array.from({ length: N }, (_, n) => {
      let [apc, active, passive] = [0, 0, 0];
      for (let s = 0; s < S; s++) {
        const g = relevance[n * S + s]!;
        const [contradicted, , entailed] = nli[n * S + s]! as unknown as [number, number, number];
        apc += g * entailed + (1 - g) * (1 - contradicted);
        active += g * entailed;
        passive += (1 - g) * contradicted;
      }
      return [apc, active, passive];
    });
    const before = tf.memory().numTensors;
    const [g, h] = [
      tf.tensor2d(relevance, [N, S]),
      tf.tensor3d(
        nli.flatMap((row) => [...row]),
        [N, S, 3],
      ),
    ];
    const sums = apcSums(g, h);
    expect(sums.shape).toEqual([N, 3]);
    expectClose(sums, expected.flat(), 1e-6);
    tf.dispose([g, h, sums]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('at the corners', () => {
    const contradicted = [1, 0, 0];
    const neutral = [0, 1, 0];
    const entailed = [0, 0, 1];
    const sums = (g: number, row: number[]) =>
      Array.from(apcSums(tf.tensor2d([[g]]), tf.tensor3d([[row]])).dataSync());
    // relevant: to be entailed. [APC, active, passive]
    expect(sums(1, entailed)).toEqual([1, 1, 0]);
    expect(sums(1, neutral)).toEqual([0, 0, 0]);
    expect(sums(1, contradicted)).toEqual([0, 0, 0]);
    // irrelevant: not to be contradicted
    expect(sums(0, entailed)).toEqual([1, 0, 0]);
    expect(sums(0, neutral)).toEqual([1, 0, 0]);
    expect(sums(0, contradicted)).toEqual([0, 0, 1]);
  });
});

describeBackends('ApcScorer', () => {
  it('scores responses with their ledgers, by the formulas', async () => {
    const relevance = countingDiscriminator('relevance');
    const nli = countingDiscriminator('nli');
    const scorer = new ApcScorer(new Relevance(PERSONA, relevance.discriminator), nli.discriminator);
    const scored = await scorer.score(ITEMS);
    expect(scored.map(({ query, response }) => ({ query, response }))).toEqual(ITEMS);
    for (const { query, response, ledger, ...score } of scored) {
      const terms = PERSONA.statements.map((statement) => {
        const input = { character: PERSONA.name, statement, query };
        const g = probabilitiesOf(relevance.discriminator, input)[1]!;
        const [c, n, e] = probabilitiesOf(nli.discriminator, { ...input, response }) as unknown as [
          number,
          number,
          number,
        ];
        return { statement, g, c, n, e };
      });
      const sum = (f: (term: (typeof terms)[number]) => number) =>
        terms.reduce((total, term) => total + f(term), 0);
      const apc = sum(({ g, c, e }) => g * e + (1 - g) * (1 - c));
      const active = sum(({ g, e }) => g * e);
      const passive = sum(({ g, c }) => (1 - g) * c);
      expectClose([score.apc, score.active, score.passive], [apc, active, passive], 2e-6, 'score');
      // ΔAPC is APC less that of a response that is neutral to all
      expectClose([score.delta], [apc - sum(({ g }) => 1 - g)], 2e-6, 'ΔAPC');
      expect(ledger.map(({ statement }) => statement)).toEqual(PERSONA.statements);
      ledger.forEach((entry, s) => {
        const { g, c, n, e } = terms[s]!;
        const actual = [
          entry.relevance,
          entry.contradicted,
          entry.neutral,
          entry.entailed,
          entry.contribution,
        ];
        expectClose(actual, [g, c, n, e, g * e - (1 - g) * c], 2e-6, `ledger ${s}`);
        expect(entry.violated).toBe(c > 0.5);
      });
      expect(score.violations).toBe(terms.filter(({ c }) => c > 0.5).length);
      const contributions = ledger.reduce((total, { contribution }) => total + contribution, 0);
      expectClose([contributions], [score.delta], 2e-6, 'sum of the ledger');
    }
    expect(scored.some(({ violations }) => violations > 0)).toBe(true);
    scorer.dispose();
  });

  it('computes relevance once per query, entailment once per response, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const relevance = countingDiscriminator('relevance');
    const nli = countingDiscriminator('nli');
    const scorer = new ApcScorer(new Relevance(PERSONA, relevance.discriminator), nli.discriminator);
    const S = PERSONA.statements.length;
    const first = await scorer.score(ITEMS);
    expect(relevance.model.rows).toBe(2 * S);
    expect(nli.model.rows).toBe(3 * S);
    const again = await scorer.score([ITEMS[2]!, { query: 'new', response: 'r' }]);
    expect(relevance.model.rows).toBe(3 * S);
    expect(nli.model.rows).toBe(5 * S);
    expect(again[0]!.apc).toBe(first[2]!.apc);
    expect(await scorer.score([])).toEqual([]);
    scorer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives a response the same score in any company', async () => {
    const scorerOf = () =>
      new ApcScorer(
        new Relevance(PERSONA, countingDiscriminator('relevance').discriminator),
        countingDiscriminator('nli').discriminator,
      );
    const together = await scorerOf().score(ITEMS);
    for (const [i, item] of ITEMS.entries()) {
      const [alone] = await scorerOf().score([item]);
      expectClose([alone!.apc, alone!.delta], [together[i]!.apc, together[i]!.delta], 1e-6);
    }
  });
});

describeBackends('Relevance.top', () => {
  const QUERIES = ['do you sail?', 'any pets?', 'do you sail?'];

  it.each([1, 3, 5, 50])('the %d most relevant statements, the most relevant first', async (k) => {
    const { discriminator, model } = countingDiscriminator('relevance');
    const relevance = new Relevance(PERSONA, discriminator);
    const before = tf.memory().numTensors;
    const top = await relevance.top(QUERIES, k);
    const expected = QUERIES.map((query) => {
      const values = PERSONA.statements.map(
        (statement) => probabilitiesOf(discriminator, { character: PERSONA.name, statement, query })[1]!,
      );
      return values
        .map((_, s) => s)
        .sort((a, b) => values[b]! - values[a]!)
        .slice(0, k);
    });
    expect(top).toEqual(expected);
    expect(top[0]).not.toEqual(top[1]);
    await relevance.top(QUERIES, k);
    expect(model.rows).toBe(2 * PERSONA.statements.length);
    // one row per query is kept
    expect(tf.memory().numTensors).toBe(before + 2);
    expect(await relevance.top([], k)).toEqual([]);
    relevance.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('of equally relevant statements the earlier comes first', async () => {
    const persona = { name: 'ada', statements: ['same', 'same', 'same'] };
    const relevance = new Relevance(persona, countingDiscriminator('relevance').discriminator);
    expect(await relevance.top(['q'], 2)).toEqual([[0, 1]]);
  });
});

describe('preferencePairs', () => {
  const sample = (query: string, response: string, delta: number): ScoredResponse => ({
    query,
    response,
    apc: delta + 10,
    delta,
    active: 0,
    passive: 0,
    violations: 0,
    ledger: [],
  });

  it('the best against the worst of each query, where they differ by more than the margin', () => {
    const samples = [
      sample('q1', 'middling', 0.5),
      sample('q2', 'a', 1),
      sample('q1', 'best', 2),
      sample('q1', 'worst', -1),
      sample('q2', 'b', 0.5),
      sample('q3', 'alone', 3),
    ];
    const pair = { query: 'q1', chosen: 'best', rejected: 'worst', chosenScore: 12, rejectedScore: 9 };
    expect(preferencePairs(samples, 0.5)).toEqual([pair]);
    expect(
      preferencePairs(samples, 0.49).map(({ query, chosen, rejected }) => [query, chosen, rejected]),
    ).toEqual([
      ['q1', 'best', 'worst'],
      ['q2', 'a', 'b'],
    ]);
    expect(preferencePairs(samples, 3)).toEqual([]);
    expect(preferencePairs([], 0)).toEqual([]);
  });

  it('takes the first of equal ones, and no two of the same words or the same score', () => {
    const pairs = preferencePairs(
      [sample('q', 'first', 1), sample('q', 'second', 1), sample('q', 'low', 0), sample('q', 'lower too', 0)],
      0,
    );
    expect(pairs).toMatchObject([{ chosen: 'first', rejected: 'low' }]);
    expect(preferencePairs([sample('q', 'same', 1), sample('q', 'same', 1)], 0)).toEqual([]);
    expect(preferencePairs([sample('q', 'a', 1), sample('q', 'b', 1)], 0)).toEqual([]);
  });

  it('leaves empty responses out, whatever they score', () => {
    const samples = [
      sample('q', ' \n', 9),
      sample('q', '', -9),
      sample('q', 'good', 2),
      sample('q', 'bad', 1),
    ];
    expect(preferencePairs(samples, 0)).toMatchObject([{ chosen: 'good', rejected: 'bad' }]);
    expect(preferencePairs([sample('q', '', -9), sample('q', 'good', 2)], 0)).toEqual([]);
  });
});
