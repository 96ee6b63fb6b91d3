import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type ScheduleName, scheduleMultiplier } from '../../src/training/schedule.js';
import { expectClose } from '../helpers/compare.js';

const { schedules } = JSON.parse(readFileSync('test/fixtures/optim.json', 'utf8')) as {
  schedules: { warmupSteps: number; totalSteps: number; cosine: number[]; linear: number[] };
};

function multipliers(name: ScheduleName, warmup: number, total: number): number[] {
  return Array.from({ length: total }, (_, step) => scheduleMultiplier(name, step, warmup, total));
}

it.each(['cosine', 'linear'] as const)('%s equals the schedule of transformers', (name) => {
  const { warmupSteps, totalSteps } = schedules;
  expect(schedules[name]).toHaveLength(totalSteps);
  expectClose(multipliers(name, warmupSteps, totalSteps), schedules[name], 1e-14, name);
});

it('constant rises over the warm-up and stays', () => {
  expect(multipliers('constant', 4, 8)).toEqual([0, 0.25, 0.5, 0.75, 1, 1, 1, 1]);
});

it.each(['constant', 'cosine', 'linear'] as const)('%s begins at 1 without a warm-up', (name) => {
  expect(scheduleMultiplier(name, 0, 0, 10)).toBe(1);
  expect(scheduleMultiplier(name, 0, 0, 1)).toBe(1);
});

it('never falls below 0, and is 0 at the end', () => {
  for (const name of ['cosine', 'linear'] as const) {
    expect(scheduleMultiplier(name, 10, 2, 10)).toBe(0);
    expect(scheduleMultiplier(name, 25, 2, 10)).toBeGreaterThanOrEqual(0);
  }
});

it('a run that is all warm-up never divides by zero', () => {
  expect(multipliers('linear', 4, 4)).toEqual([0, 0.25, 0.5, 0.75]);
});
