import { properNouns, replaceMentions } from './englishNames.js';
import { STOP_WORDS } from './englishWords.js';
import { type Cues, cuedQuestions, type Draw, distinct } from './rules.js';

export const CUES: Cues = [
  [/\bborn\b/i, ['Where and when were you born?', 'What do we know about your birth?']],
  [
    /\b(?:lives?|lived|living|dwells?|resides?)\b/i,
    ['Where do you live?', 'What is the place like where you live?'],
  ],
  [/\byears? old\b|\baged?\b/i, ['How old are you?', 'May I ask your age?']],
  [
    /\b(?:mother|father|sister|brother|son|daughter|parents|wife|husband|married|family)\b/i,
    ['What is your family like?', 'Who is in your family?'],
  ],
  [
    /\b(?:likes?|liked|loves?|loved|enjoys?|enjoyed|fond)\b/i,
    ['What do you like most?', 'What gives you joy?'],
  ],
  [
    /\b(?:hates?|hated|dislikes?|fears?|feared|afraid)\b/i,
    ['What do you dislike?', 'Is there something that you fear?'],
  ],
  [
    /\b(?:works?|worked|profession|trade|job|career)\b/i,
    ['What is your work?', 'How do you earn your living?'],
  ],
  [
    /\b(?:wrote|writes|written|composed|composes|published|painted)\b/i,
    ['Which of your works should I know?', 'What have you made?'],
  ],
  [
    /\b(?:studied|studies|school|university|taught|teacher|learned|learnt|pupil)\b/i,
    ['Who taught you?', 'How did you learn what you know?'],
  ],
  [/\b(?:died|death|killed|buried)\b/i, ['How did it end?', 'What is said about your death?']],
  [/\b(?:because|since|therefore)\b/i, ['Why was that?', 'What was your reason?']],
  [/\b(?:can|able|power|ability)\b/i, ['What are you able to do?', 'What is your gift?']],
  [/\b(?:friends?|companions?|ally|allies)\b/i, ['Who are your friends?', 'Whom do you trust?']],
];

export function queries(name: string, statement: string, count: number, draw: Draw): string[] {
  const nouns = properNouns(name, statement);
  const year = /\b1\d{3}\b|\b20\d{2}\b/.exec(statement)?.[0];
  const object = objectOf(name, statement);
  const specific = [
    ...cuedQuestions(CUES, statement, draw),
    ...(year ? [draw.pick([`What happened to you in ${year}?`, `What were you doing in ${year}?`])] : []),
    ...nouns
      .slice(0, 2)
      .map((noun) =>
        draw.pick([
          `What is ${noun} to you?`,
          `What can you tell me about ${noun}?`,
          `How did you come to ${noun}?`,
          `Tell me about you and ${noun}.`,
        ]),
      ),
  ];
  const general = draw.order([
    `What can you say of ${object}?`,
    `Is there a story behind ${object}?`,
    `I have heard something about ${object}. Is it true?`,
    `Tell me about ${object}, please.`,
  ]);
  return distinct([...specific.slice(0, 2), ...general, ...specific.slice(2)], count);
}

/** The longest stretch of the statement that begins as a noun does, with an article or your, and holds no verb we know. */
function objectOf(name: string, statement: string): string {
  const said = replaceMentions(name, statement, ({ possessive }) => (possessive ? 'your' : 'you'))
    .replace(/\b(?:his|her)\b/gi, 'your')
    .replace(/["“”]/g, '');
  const phrases = [...said.matchAll(/\b(?:an?|the|your)((?:\s[\p{L}\p{N}'’-]+){1,6})/giu)].flatMap(
    ([phrase]) => {
      const [first, ...rest] = phrase.split(' ');
      const end = rest.findIndex((word) => STOP_WORDS.has(word.toLowerCase()));
      const kept = rest.slice(0, end < 0 ? 4 : end);
      return kept.length === 0 ? [] : [[first!.toLowerCase(), ...kept].join(' ')];
    },
  );
  const [longest] = phrases.sort((a, b) => b.length - a.length);
  return longest ?? properNouns(name, statement)[0] ?? 'your life';
}
