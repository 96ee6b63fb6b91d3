import type { ChatMessage } from '../models/chatTemplate.js';
import { UsageError } from '../support/errors.js';

/** How a persona is told to the model, per language. */
interface PromptTexts {
  /** {name} stands for the character's name. */
  persona: string;
  /** Put before the statements, one a line. */
  statements: string;
}

const TEXTS: Record<string, PromptTexts> = {
  en: { persona: 'You are {name}.', statements: 'About {name}:' },
  zh: { persona: '你是{name}。', statements: '关于{name}：' },
  ja: { persona: 'あなたは{name}です。', statements: '{name}について：' },
};

/**
 * Where the persona stands: folded into the first user turn (Gemma's template has no system role), or in a
 * model turn before it, as the paper's code has it. The same in training and serving.
 */
export type PersonaTurn = 'user' | 'model';

export interface PromptInput {
  name: string;
  language: string;
  /** The statements to tell, none for the character's name alone. */
  statements: readonly string[];
  personaTurn: PersonaTurn;
}

/** The messages of a conversation, with the persona told before its first message. */
export function personaMessages(input: PromptInput, conversation: readonly ChatMessage[]): ChatMessage[] {
  const persona = personaText(input);
  if (input.personaTurn === 'model') return [{ role: 'model', content: persona }, ...conversation];
  const [first, ...rest] = conversation;
  if (first?.role !== 'user') throw new Error('a conversation begins with the user');
  return [{ role: 'user', content: `${persona}\n\n${first.content}` }, ...rest];
}

function personaText({ name, language, statements }: PromptInput): string {
  const texts = TEXTS[language];
  if (!texts) {
    const known = Object.keys(TEXTS).join(', ');
    throw new UsageError(`no prompt for the language ${JSON.stringify(language)}`, `use one of ${known}`);
  }
  const persona = texts.persona.replaceAll('{name}', name);
  if (statements.length === 0) return persona;
  return [persona, texts.statements.replaceAll('{name}', name), ...statements].join('\n');
}
