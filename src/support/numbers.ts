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

/** As disks and hubs count: 1 MB is 10⁶ bytes. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${units[power]}`;
}
