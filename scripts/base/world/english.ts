import { closers, colour, openers } from './colour.js';
import { groupQueries, jointFrames, scenes, topicFrames } from './frames.js';
import { englishKinds } from './kinds/index.js';
import type { Language } from './language.js';
import { epithets, feminine, masculine, surnames } from './names.js';
import { settings } from './settings.js';
import { tempers } from './types.js';

const pronouns = {
  f: { he: 'she', his: 'her', him: 'her', himself: 'herself' },
  m: { he: 'he', his: 'his', him: 'him', himself: 'himself' },
};

export const english: Language = {
  code: 'en',
  kinds: englishKinds,
  topicFrames,
  jointFrames,
  groupQueries,
  scenes,
  colour,
  openers,
  closers,
  gap: ' ',
  person: (dice) => {
    const gender = dice.chance(0.5) ? 'f' : 'm';
    const first = dice.pick(gender === 'f' ? feminine : masculine);
    const setting = dice.pick(settings);
    const family = !setting.modern && dice.chance(0.4) ? dice.pick(epithets) : dice.pick(surnames);
    const child = dice.chance(0.12);
    return {
      full: dice.chance(0.1) ? first : `${first} ${family}`,
      short: first,
      first,
      gender,
      pronouns: pronouns[gender],
      child,
      temper: child && dice.chance(0.7) ? 'childish' : dice.pick(tempers),
      setting,
    };
  },
  address: (query, name, dice) => {
    const form = dice.integer(0, 3);
    if (form === 0) return `${name}! ${query}`;
    if (form === 1) return `Tell me, ${name}. ${query}`;
    // Only a plain sentence takes a name before its full stop or question mark.
    return /^[^.!?"]+[.?]$/.test(query)
      ? `${query.slice(0, -1)}, ${name}${query.at(-1)}`
      : `${query} ${name}?`;
  },
};
