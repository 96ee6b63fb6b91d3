import type { Fact } from './types.js';

/**
 * Facts of one character must not quarrel behind the annotator's back: a diver who cannot swim, or someone
 * who hates dogs and keeps one. Two facts that share a telling word are kept apart, and so are those below,
 * which quarrel without sharing one.
 */
const quarrels: readonly (readonly [RegExp, RegExp])[] = [
  [
    /diver|ferry|whaler|boat|sail|pilot|harbour|ship|barge|swam/,
    /\b(swim|dive|row a boat|ride in a boat|deep water|open sea|whirlpools|seasickness|steer)\b/,
  ],
  [
    /taxi|driver|conductor|mail|postman|captain|pilot|guide/,
    /\b(drive|read a map|north by the stars|credit|bridges|tunnels)\b/,
  ],
  [/wine|beer|brandy|cider|rum|whisky|mead/, /\b(drink wine|drink alone)\b/],
  [
    /stew|sausage|chicken|duck|lamb|herring|eel|curry|tripe|snails|oysters|mussels|sardines|meatballs|trout|crab/,
    /\beat meat\b/,
  ],
  [
    /cake|jam|honey|pudding|chocolate|ice cream|marzipan|custard|syrup|crumble|biscuits|liquorice|lemonade/,
    /\beat sugar\b/,
  ],
  [/poker|dice|whist|bet on|lottery|rummy|game of cards/, /\bgamble\b/],
  [
    /groom horses|horse trader|shoe horses|camel|mule|pony|donkey|wagon|cart|carriage|coach/,
    /\b(ride a horse|horses|bulls)\b/,
  ],
  [/sail maker|tent maker|robot tailor|weaver|knit|mend|darn|embroider/, /\b(sew|knit|needles)\b/],
  [
    /scribe|lawyer|journalist|librarian|printer|storyteller|herald|jazz singer|letter writer|book/,
    /\b(speak in public|spell long words|read small print|type with ten|reading|read other people|poor eyesight|sing in tune|carry a tune|read music)\b/,
  ],
  [/clerk|bank|count/, /\b(long sums|arithmetic)\b/],
  [/cook|bake|baker|innkeeper/, /\b(cook rice|bake bread|light a fire|fire)\b/],
  [
    /guide|climber|ski|rescue|roof|thatcher|window cleaner|cable car|chalet|tower|ninth floor|mast|attic|loft/,
    /\b(high places|ladders|climb|vertigo|ski|mend a roof|thin ice)\b/,
  ],
  [
    /miner|ice miner|well digger|gravedigger|mine|cave|basement|cellar/,
    /\b(dark|tunnels|small rooms|cellars|caves|graveyards|ghosts)\b/,
  ],
  [
    /nurse|dentist|vet|midwife|physician|pharmacist|fencing|falconer/,
    /\b(blood|needles|take medicine|carry a weapon|knives)\b/,
  ],
  [
    /piano|violin|flute|harp|drum|accordion|guitar|organ|trumpet|cello|lute/,
    /\b(read music|carry a tune|sing in tune|drumming)\b/,
  ],
  [
    /jester|puppet|clown/,
    /\b(juggle|tell a good joke|handstands|clowns|dolls|masks|practical jokes|puppet shows)\b/,
  ],
  [/\bblack\b/, /\bwear black\b/],
  [/city|Cooper Street|stadium/, /\bvisit the city\b/],
  [
    /programmer|signal|telephone|satellite|electric|radio|engine|shuttle|robot/,
    /\b(typewriters|computers|telephones|robots|satellites|quantum|telegrams|steam engines)\b/,
  ],
  [/lawyer|prison|jailer/, /\b(trust lawyers|sign contracts|been in prison)\b/],
  [/insomnia|sleepwalking/, /\b(sleep past dawn|sleep)\b/],
  [/captain|general|nurse|lion|tiger/, /\bseen a tiger\b/],
];

/** Words that many facts share without harm. */
const harmless = new Set(
  `with from that have were every years year young older because under behind inside their there other where
  first three second third silver golden black white green brown olive cream coins crowns pieces guilders
  shillings ducats house place great small little night years people`.split(/\s+/),
);

const plainSlots = new Set([
  'name',
  'colour',
  'town',
  'weekday',
  'day',
  'month',
  'count',
  'years',
  'amount',
  'age',
  'year',
  'number',
  'time',
  'friend',
  'rival',
  'neighbour',
  'spouse',
  'teacher',
  'song',
  'book',
  'language',
  'giver',
  'relation',
  'shape',
  'kind',
  'season',
  'best',
  'worst',
  'nickname',
]);

/** What matters of a fact when it is held against others. */
interface Profile {
  stems: ReadonlySet<string>;
  /** Which quarrels it can start, and which it can join, one bit each. */
  starts: number;
  joins: number;
}

const profiles = new WeakMap<Fact, Profile>();

export function clash(a: Fact, b: Fact): boolean {
  const left = profileOf(a);
  const right = profileOf(b);
  if ((left.starts & right.joins) !== 0 || (right.starts & left.joins) !== 0) return true;
  for (const stem of right.stems) if (left.stems.has(stem)) return true;
  return false;
}

function profileOf(fact: Fact): Profile {
  let profile = profiles.get(fact);
  if (profile === undefined) {
    const text = Object.values(fact.values).join(' ');
    const bits = (side: 0 | 1) =>
      quarrels.reduce((sum, pair, bit) => sum | (pair[side].test(text) ? 1 << bit : 0), 0);
    profile = { stems: stemsOf(fact), starts: bits(0), joins: bits(1) };
    profiles.set(fact, profile);
  }
  return profile;
}

function stemsOf(fact: Fact): Set<string> {
  const stems = new Set<string>();
  for (const [slot, value] of Object.entries(fact.values)) {
    if (plainSlots.has(slot)) continue;
    for (const word of value.toLowerCase().match(/\p{L}+/gu) ?? []) {
      if (word.length >= 4 && !harmless.has(word)) stems.add(word.slice(0, 5).replace(/s$/, ''));
    }
  }
  return stems;
}
