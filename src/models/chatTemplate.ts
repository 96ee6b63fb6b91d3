import { Template } from '@huggingface/jinja';
import { messageOf, TruecastError } from '../support/errors.js';
import type { Tokenizer } from './tokenizer.js';

export interface ChatMessage {
  role: 'user' | 'model';
  content: string;
}

// Stands in for the i-th message while the template is rendered; no text that people write holds these.
const marker = (i: number) => `\u{F0000}${i}\u{F0001}`;

/**
 * Ids of a conversation, laid out by the model's own chat template. The template is rendered with markers
 * in place of the messages, and control tokens are read from its text alone: what a message says stays text.
 *
 * @param addGenerationPrompt end with the opening of the model's turn
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  { addGenerationPrompt }: { addGenerationPrompt: boolean },
): number[] {
  const rendered = render(chatTemplate(tokenizer), tokenizer, messages, addGenerationPrompt);
  const ids: number[] = [];
  let text = '';
  const flush = () => {
    if (text !== '') ids.push(...tokenizer.encode(text));
    text = '';
  };
  for (const piece of splitMarkers(rendered)) {
    if (piece.kind === 'message') {
      text += messages[piece.index]!.content.trim();
      continue;
    }
    for (const part of tokenizer.splitControls(piece.text)) {
      if (typeof part === 'string') text += part;
      else {
        flush();
        ids.push(part.id);
      }
    }
  }
  flush();
  return ids;
}

/** The template of conversations: the only one, or of several the one named default. */
function chatTemplate({ config, path }: Tokenizer): string {
  const given = config.chat_template;
  if (typeof given === 'string') return given;
  if (!Array.isArray(given)) {
    throw new TruecastError(
      `${path}: its tokenizer_config.json has no chat_template`,
      'use a model with a chat template',
    );
  }
  const found: unknown = given.find((entry) => entry?.name === 'default')?.template;
  if (typeof found === 'string') return found;
  const names = given.map((entry) => JSON.stringify(entry?.name)).join(', ');
  throw new TruecastError(
    `${path}: of its chat templates (${names}) none is named default`,
    'name the one for conversations default',
  );
}

function render(
  source: string,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
  try {
    return new Template(source).render({
      messages: messages.map(({ role }, i) => ({
        role: role === 'model' ? 'assistant' : role,
        content: marker(i),
      })),
      add_generation_prompt: addGenerationPrompt,
      bos_token: tokenText(tokenizer.config.bos_token),
      eos_token: tokenText(tokenizer.config.eos_token),
    });
  } catch (error) {
    throw new TruecastError(`${tokenizer.path}: its chat template failed: ${messageOf(error)}`);
  }
}

/** tokenizer_config.json holds a token as its text or as an object. */
function tokenText(token: unknown): string {
  if (typeof token === 'string') return token;
  return typeof token === 'object' && token !== null && 'content' in token ? String(token.content) : '';
}

type Piece = { kind: 'template'; text: string } | { kind: 'message'; index: number };

function splitMarkers(rendered: string): Piece[] {
  return rendered
    .split(/(\u{F0000}\d+\u{F0001})/u)
    .filter((text) => text !== '')
    .map((text): Piece => {
      const index = /^\u{F0000}(\d+)\u{F0001}$/u.exec(text)?.[1];
      return index === undefined ? { kind: 'template', text } : { kind: 'message', index: Number(index) };
    });
}
