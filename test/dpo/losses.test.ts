import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { type DpoLossOptions, dpoLosses, dpoMetrics, type PairLogProbs } from '../../src/dpo/losses.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

interface GoldenCase {
  lossType: string;
  labelSmoothing: number;
  beta: number;
  losses: number[];
  gradChosen: number[];
  gradRejected: number[];
  chosenRewards: number[];
  rejectedRewards: number[];
  margins: number[];
  accuracies: number[];
  metrics: Record<string, number>;
}

interface Inputs {
  policyChosen: number[];
  policyRejected: number[];
  refChosen: number[];
  refRejected: number[];
  chosenTokens: number[];
  rejectedTokens: number[];
}

const golden = JSON.parse(readFileSync('test/fixtures/dpo.json', 'utf8')) as {
  inputs: Inputs;
  cases: GoldenCase[];
};
const TOLERANCE = 1e-5;

function pairs(inputs: Inputs, gap?: number[]): PairLogProbs {
  return {
    policyChosen: tf.tensor1d(inputs.policyChosen),
    policyRejected: tf.tensor1d(inputs.policyRejected),
    referenceChosen: tf.tensor1d(inputs.refChosen),
    referenceRejected: tf.tensor1d(inputs.refRejected),
    chosenTokens: tf.tensor1d(inputs.chosenTokens),
    rejectedTokens: tf.tensor1d(inputs.rejectedTokens),
    gap: tf.tensor1d(gap ?? inputs.policyChosen.map(() => 0)),
  };
}

function single(i: number): Inputs {
  return Object.fromEntries(
    Object.entries(golden.inputs).map(([name, values]) => [name, [values[i]]]),
  ) as unknown as Inputs;
}

/** Per-pair losses and their gradients by the policy's log-probabilities. */
function lossesAndGradients(logProbs: PairLogProbs, options: DpoLossOptions) {
  const { value, gradients } = valueAndGradients(
    () => dpoLosses(logProbs, options),
    [logProbs.policyChosen, logProbs.policyRejected],
  );
  return { losses: value, byChosen: gradients[0]!, byRejected: gradients[1]! };
}

/** TRL ignores label smoothing in its sigmoid loss; its `aot` loss of a single pair is the smoothed one. */
const CASES = golden.cases.flatMap((golden): [string, Pick<DpoLossOptions, 'loss'>, GoldenCase][] => {
  const { lossType, labelSmoothing, beta } = golden;
  const title = `${lossType}, label smoothing ${labelSmoothing}, β ${beta}`;
  if (lossType === 'sigmoid' && labelSmoothing === 0) return [[title, { loss: 'sigmoid' }, golden]];
  if (lossType === 'aot') return [[`sigmoid as ${title}`, { loss: 'sigmoid' }, golden]];
  if (lossType === 'ipo' || lossType === 'hinge') return [[title, { loss: lossType }, golden]];
  return [];
});

it('the fixture has every loss that TRL shares with us', () => {
  expect(CASES).toHaveLength(8);
});

describeBackends('DPO losses equal TRL', () => {
  it.each(CASES)('%s: losses and gradients', (_title, { loss }, expected) => {
    const options = { loss, beta: expected.beta, labelSmoothing: expected.labelSmoothing, offsetScale: 1 };
    const actual = lossesAndGradients(pairs(golden.inputs), options);
    expect(actual.losses.shape).toEqual([golden.inputs.policyChosen.length]);
    expectClose(actual.losses, expected.losses, TOLERANCE, 'losses');
    expectClose(actual.byChosen, expected.gradChosen, TOLERANCE, 'gradient by the chosen');
    expectClose(actual.byRejected, expected.gradRejected, TOLERANCE, 'gradient by the rejected');
  });

  it.each(CASES)('%s: rewards, margins, accuracies, names', (_title, _options, { metrics, ...expected }) => {
    const { loss: _loss, ...means } = metrics;
    const actual = dpoMetrics(pairs(golden.inputs), expected.beta);
    expect(Object.keys(actual).sort()).toEqual(Object.keys(means).sort());
    for (const [name, value] of Object.entries(means)) expectClose(actual[name]!, [value], TOLERANCE, name);
    golden.inputs.policyChosen.forEach((_, i) => {
      const one = dpoMetrics(pairs(single(i)), expected.beta);
      expectClose(one['rewards/chosen']!, [expected.chosenRewards[i]!], TOLERANCE, `chosen reward ${i}`);
      expectClose(
        one['rewards/rejected']!,
        [expected.rejectedRewards[i]!],
        TOLERANCE,
        `rejected reward ${i}`,
      );
      expectClose(one['rewards/margins']!, [expected.margins[i]!], TOLERANCE, `margin ${i}`);
      expectClose(one['rewards/accuracies']!, [expected.accuracies[i]!], 0, `accuracy ${i}`);
    });
  });
});

describeBackends('apc-offset', () => {
  const gaps = [0.01, 0.2, 0.5, 1, 1.5, 3, 7, 20];

  /** −log σ(z), in float64 and for any z. */
  const cost = (z: number) => (z > 0 ? Math.log1p(Math.exp(-z)) : -z + Math.log1p(Math.exp(z)));

  it.each([
    [0.1, 1],
    [0.5, 0.3],
    [0.1, 0],
  ])('β %d, α %d: −log σ(βh − α·log gap) and its gradient', (beta, offsetScale) => {
    const { policyChosen, policyRejected, refChosen, refRejected } = golden.inputs;
    const z = gaps.map((gap, i) => {
      const h = policyChosen[i]! - refChosen[i]! - (policyRejected[i]! - refRejected[i]!);
      return beta * h - offsetScale * Math.log(gap);
    });
    const slope = z.map((value) => -beta / (1 + Math.exp(value)));
    const options = { loss: 'apc-offset', beta, labelSmoothing: 0, offsetScale } as const;
    const actual = lossesAndGradients(pairs(golden.inputs, gaps), options);
    expectClose(actual.losses, z.map(cost), TOLERANCE, 'losses');
    expectClose(actual.byChosen, slope, TOLERANCE, 'gradient by the chosen');
    expectClose(
      actual.byRejected,
      slope.map((value) => -value),
      TOLERANCE,
      'gradient by the rejected',
    );
  });

  it('asks more of a pair whose scores are further apart', () => {
    const one: Inputs = { ...single(0) };
    const options = { loss: 'apc-offset', beta: 0.1, labelSmoothing: 0, offsetScale: 1 } as const;
    const near = dpoLosses(pairs(one, [0.5]), options).dataSync()[0]!;
    const far = dpoLosses(pairs(one, [5]), options).dataSync()[0]!;
    expect(far).toBeGreaterThan(near);
  });
});

describeBackends('DPO losses at extremes', () => {
  const far: Inputs = {
    policyChosen: [1000, -1000, 0, -1000, 1000],
    policyRejected: [-1000, 1000, 0, -1000, 1000],
    refChosen: [-1000, 1000, 0, 1000, 1000],
    refRejected: [1000, -1000, 0, -1000, 1000],
    chosenTokens: [1, 1, 1, 2, 3],
    rejectedTokens: [1, 1, 1, 1, 1],
  };
  const h = [4000, -4000, 0, -2000, 0];
  const step = (value: number) => (value > 0 ? 0 : value < 0 ? -1 : -0.5);

  it.each([
    [0, 'sigmoid'],
    [0.1, 'sigmoid'],
    [0, 'apc-offset'],
  ] as const)('smoothing %d, %s: finite and exact where exp overflows', (labelSmoothing, loss) => {
    const options = { loss, beta: 1, labelSmoothing, offsetScale: 1 };
    const actual = lossesAndGradients(pairs(far, [1, 1, 1, 1, 1]), options);
    const cost = (z: number) => Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
    const expected = h.map((z) => (1 - labelSmoothing) * cost(z) + labelSmoothing * cost(-z));
    const slope = h.map((z) => (1 - labelSmoothing) * step(z) - labelSmoothing * step(-z));
    expectClose(actual.losses, expected, 1e-6, 'losses');
    expectClose(actual.byChosen, slope, 1e-6, 'gradient by the chosen');
    expectClose(
      actual.byRejected,
      slope.map((value) => -value),
      1e-6,
      'gradient by the rejected',
    );
  });

  it('ipo and hinge stay finite', () => {
    const options = { beta: 1, labelSmoothing: 0, offsetScale: 1 };
    expectClose(dpoLosses(pairs(far), { ...options, loss: 'hinge' }), [0, 4001, 1, 2001, 1], 1e-6, 'hinge');
    const averaged = [4000, -4000, 0, -1000, 0];
    expectClose(
      dpoLosses(pairs(far), { ...options, loss: 'ipo' }),
      averaged.map((value) => (value - 0.5) ** 2),
      1e-6,
      'ipo',
    );
  });
});
