import { TruecastError } from '../../support/errors.js';
import type {
  NliAnswer,
  QueriesAnswer,
  RelevanceAnswer,
  ResponsesAnswer,
  StatementsAnswer,
} from '../stages/answers.js';
import type { Teacher, TeacherReply, TeacherRequest } from '../teacher.js';
import { chinese } from './chinese.js';
import { english } from './english.js';
import { japanese } from './japanese.js';
import { nliLabel, relevanceLabel } from './labels.js';
import { Draw, type LanguageRules } from './rules.js';

/** Raised when a rule changes, so that answers of older rules are not taken for these. */
const RULES_VERSION = 1;

/** For everybody who uses it, every time. */
export const TEMPLATE_WARNING = 'the teacher template is rule-based: for trying things out, not for results';

const LANGUAGES: Readonly<Record<string, LanguageRules>> = { en: english, zh: chinese, ja: japanese };

type Answer = StatementsAnswer | QueriesAnswer | RelevanceAnswer | ResponsesAnswer | NliAnswer;

/**
 * A teacher of rules, which needs no model and no account: a baseline for trying the pipeline out. It knows
 * names, a few cues and word lists, no meaning:
 * - statements: sentences that name the character; of the pronouns one that opens a sentence is replaced;
 * - queries: by cues such as "lives" and by the words of the statement, in set phrases;
 * - responses, each after some small talk: the statement in the first person; a scene outside; the statement
 *   with an antonym, a number, a place or a name changed, or negated;
 * - labels: by shared words, and by negation, numbers and antonyms where most words are shared.
 * The same question has the same answer.
 */
export function templateTeacher(): Teacher {
  return {
    identity: { teacher: 'template', rules: RULES_VERSION },
    deterministic: true,
    async ask(request, signal): Promise<TeacherReply> {
      signal?.throwIfAborted();
      const text = JSON.stringify(answer(request));
      return { text, usage: { promptTokens: 0, completionTokens: 0 } };
    },
    close() {},
  };
}

function answer({ stage, prompt, variables, repetition }: TeacherRequest): Answer {
  const rules = LANGUAGES[prompt.language.split('-')[0]!];
  if (rules === undefined) {
    throw new TruecastError(
      `the teacher template has no rules for the language ${prompt.language}`,
      `use another teacher, or one of its languages: ${Object.keys(LANGUAGES).join(', ')}`,
    );
  }
  const variable = (key: string): string => {
    const value = variables[key];
    if (value === undefined) throw new Error(`the stage ${stage} gives no variable ${key}`);
    return value;
  };
  const name = variable('name');
  const draw = new Draw(stage, JSON.stringify(Object.entries(variables).sort()), repetition);
  switch (stage) {
    case 'statements':
      return { statements: rules.statements(name, variable('paragraph')) };
    case 'queries':
      return { queries: rules.queries(name, variable('statement'), Number(variable('count')), draw) };
    case 'responses': {
      const statement = variable('statement');
      const after = (text: string) => draw.pick(rules.openers) + rules.space + text;
      return {
        entailed: after(rules.firstPerson(name, statement)),
        neutral: after(rules.scene(draw)),
        contradicted: after(rules.contradiction(name, statement, draw)),
      };
    }
    case 'relevance':
    case 'verification':
      return { label: relevanceLabel(rules, name, variable('statement'), variable('query')) };
    case 'nli':
      return { label: nliLabel(rules, name, variable('statement'), variable('response')) };
  }
}
