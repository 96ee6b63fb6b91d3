import type { NliLabel } from '../../data/index.js';
import type { LanguageRules } from './rules.js';

/** Of a statement's words, how many a response must share to say or deny it. */
const SAYS = 0.5;

/** Yes where the query asks with a word of the statement, or by a cue for what the statement gives. */
export function relevanceLabel(
  rules: LanguageRules,
  name: string,
  statement: string,
  query: string,
): 'no' | 'yes' {
  if (rules.asksFor(statement, query)) return 'yes';
  const asked = rules.topics(name, query);
  const given = rules.topics(name, statement);
  return [...asked].some((topic) => given.has(topic)) ? 'yes' : 'no';
}

/**
 * Neutral where the response shares few of the statement's words. Otherwise contradicted where one negates
 * and the other does not, where numbers differ, where one has a word and the other its antonym, or where
 * each names something that the other doesn't; else entailed.
 */
export function nliLabel(rules: LanguageRules, name: string, statement: string, response: string): NliLabel {
  const given = rules.topics(name, rules.firstPerson(name, statement));
  const said = rules.topics(name, response);
  const shared = [...given].filter((topic) => said.has(topic)).length;
  if (given.size === 0 || shared / given.size < SAYS) return 'neutral';
  const negated = rules.negations(statement) % 2 !== rules.negations(response) % 2;
  const excluded = rules.antonyms.some(
    ([a, b]) => opposes(rules, statement, response, a, b) || opposes(rules, statement, response, b, a),
  );
  const numbers = differ(/\d+/g, statement, response);
  const named = differ(rules.names, statement, response, name);
  return negated || excluded || numbers || named ? 'contradicted' : 'entailed';
}

/** The statement has the one and the response the other in its place. */
function opposes(rules: LanguageRules, statement: string, response: string, a: string, b: string): boolean {
  const has = (text: string, word: string) => rules.whole(word).test(text);
  return has(statement, a) && !has(response, a) && has(response, b) && !has(statement, b);
}

/** Each has a match that the other lacks. */
function differ(what: RegExp, statement: string, response: string, except = ''): boolean {
  const matches = (text: string) =>
    new Set([...text.matchAll(what)].map(([match]) => match).filter((match) => !except.includes(match)));
  const [a, b] = [matches(statement), matches(response)];
  const lacks = (from: Set<string>, other: Set<string>) => [...from].some((match) => !other.has(match));
  return lacks(a, b) && lacks(b, a);
}
