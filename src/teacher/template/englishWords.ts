/** Words that tell nothing of what a text is about. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a an the and or but nor so if then than as of in on at to for from by with about into over under after before ' +
    'between through during without within against is am are was were be been being has have had having do does did ' +
    'will would can could shall should may might must i me my mine myself you your yours yourself he him his himself ' +
    'she her hers herself it its itself we us our they them their this that these those there here who whom whose ' +
    'which what when where why how not no never also very too just only own same such more most some any each every ' +
    'all both one once again still even yes please tell know say said something anything nothing true heard like ' +
    "much many well let it's i'm don't story behind come"
  ).split(' '),
);

/** Words that exclude each other; the commonest first. */
export const ANTONYMS: readonly (readonly [string, string])[] = [
  ['loves', 'hates'],
  ['love', 'hate'],
  ['loved', 'hated'],
  ['likes', 'dislikes'],
  ['liked', 'disliked'],
  ['always', 'never'],
  ['often', 'hardly ever'],
  ['first', 'last'],
  ['eldest', 'youngest'],
  ['older', 'younger'],
  ['elder', 'younger'],
  ['mother', 'father'],
  ['sister', 'brother'],
  ['son', 'daughter'],
  ['wife', 'mere acquaintance'],
  ['husband', 'mere acquaintance'],
  ['friend', 'enemy'],
  ['friends', 'enemies'],
  ['rich', 'poor'],
  ['wealthy', 'poor'],
  ['large', 'small'],
  ['big', 'tiny'],
  ['tall', 'short'],
  ['early', 'late'],
  ['begins', 'ends'],
  ['began', 'gave up'],
  ['accepted', 'refused'],
  ['won', 'lost'],
  ['success', 'failure'],
  ['successful', 'fruitless'],
  ['strong', 'weak'],
  ['happy', 'unhappy'],
  ['north', 'south'],
  ['northern', 'southern'],
  ['east', 'west'],
  ['eastern', 'western'],
  ['before', 'after'],
  ['remembers', 'forgets'],
  ['remember', 'forget'],
  ['open', 'closed'],
  ['public', 'secret'],
  ['war', 'peace'],
  ['day', 'night'],
  ['summer', 'winter'],
  ['hot', 'cold'],
  ['black', 'white'],
  ['left', 'right'],
  ['two', 'five'],
  ['three', 'seven'],
  ['four', 'nine'],
  ['ten', 'three'],
];

/** Stand in for a place or a name that a statement gives. */
export const PLACES: readonly string[] = [
  'Lisbon',
  'Oslo',
  'Cairo',
  'Lima',
  'Kyoto',
  'Dublin',
  'Havana',
  'Tunis',
];
export const NAMES: readonly string[] = [
  'Marlow',
  'Anwen',
  'Tobias',
  'Ilse',
  'Ferran',
  'Nadia',
  'Corwin',
  'Petra',
];

/** What anybody could say: nothing in it is about anybody's life. */
export const SMALL_TALK: readonly string[] = [
  'The weather has been strange lately, has it not?',
  'Forgive me, my thoughts were elsewhere just now.',
  'Shall we sit down somewhere quiet first?',
  'A good question deserves a slow answer.',
  'You have come a long way to ask me that.',
  'Let me think about it over a cup of tea.',
  'Hm. People ask the oddest things before supper.',
  'I would rather hear what you make of it.',
  'That bench over there looks comfortable.',
  'Did you hear that noise outside as well?',
  'How kind of you to ask.',
  'One thing at a time, please.',
  'You look tired. Was the road bad?',
  'There is rain in the air, I think.',
  'Ask me again when the kettle has boiled.',
  'What a curious thing to wonder about.',
  'Give me a moment; where did I put my glasses?',
  'Some answers are better in the morning.',
  'I see that you have been paying attention.',
  'Would you mind closing the door? There is a draught.',
  'Oh, you always come with questions.',
  'It depends on whom you ask, I suppose.',
  'May I offer you something to eat?',
  'The light is lovely at this hour.',
];
