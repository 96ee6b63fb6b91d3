import { expect, it } from 'vitest';
import { editJson } from '../../src/support/json.js';

it('a JSON text that is changed keeps the spelling of its numbers', () => {
  const text =
    '{"a": 3.0, "b": [1e-06, -0.0, 12345678901234567890, 7], "c": "1.0 \\" 2.0", "d": {"e": 1.50}}';
  expect(JSON.parse(editJson(text, (value) => value))).toEqual(JSON.parse(text));
  const changed = editJson(text, ({ b, ...rest }) => ({ ...rest, f: 2, g: b }));
  expect(changed.replace(/\s+/g, ' ')).toBe(
    '{ "a": 3.0, "c": "1.0 \\" 2.0", "d": { "e": 1.50 }, "f": 2, "g": [ 1e-06, -0.0, 12345678901234567890, 7 ] }',
  );
});
