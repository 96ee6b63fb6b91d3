/** Figures as reports write them. */

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function percentInterval([low, high]: readonly [number, number]): string {
  return `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)} %`;
}

/** With its sign, as differences are written. */
export function signed(value: number, digits = 2): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
}

export function signedInterval([low, high]: readonly [number, number], digits = 2): string {
  return `${signed(low, digits)} … ${signed(high, digits)}`;
}
