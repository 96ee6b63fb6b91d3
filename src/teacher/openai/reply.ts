import { z } from 'zod';
import type { Secret } from '../secret.js';
import type { TeacherReply, Usage } from '../teacher.js';
import { estimateTokens } from '../tokens.js';
import { oneLine, Passing } from './failures.js';

/** What is read of a completion; servers add what they like. */
const completion = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        message: z.looseObject({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z.looseObject({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

/**
 * A completion as a reply.
 * @param promptTokens an estimate, for servers that do not count
 * @throws Passing where it is no completion at all
 */
export function replyOf(body: unknown, promptTokens: number, secret: Secret): TeacherReply {
  const result = completion.safeParse(body);
  if (!result.success) {
    const shown = typeof body === 'string' ? body : (JSON.stringify(body) ?? 'nothing');
    throw new Passing(`an answer that is no completion: ${oneLine(secret.redact(shown))}`);
  }
  const [choice] = result.data.choices;
  const { content, refusal } = choice!.message;
  const counted = result.data.usage;
  const usage: Usage = {
    promptTokens: counted?.prompt_tokens ?? promptTokens,
    completionTokens: counted?.completion_tokens ?? estimateTokens(content ?? ''),
  };
  const fail = (failure: 'refused' | 'filtered' | 'too-long', detail: string): TeacherReply => ({
    failure,
    detail: oneLine(secret.redact(detail)),
    usage,
  });
  if (refusal) return fail('refused', refusal);
  if (choice!.finish_reason === 'content_filter') return fail('filtered', 'cut off by the content filter');
  if (choice!.finish_reason === 'length') {
    return fail('too-long', `no end after ${usage.completionTokens} tokens: raise the stage's maxTokens`);
  }
  return { text: secret.redact(content ?? ''), usage };
}
