import type OpenAI from 'openai';
import type { EndpointSpec } from '../../config/teacher.js';
import { answerJsonSchema } from '../stages/answers.js';
import type { TeacherRequest } from '../teacher.js';
import type { Rejection } from './failures.js';

/** Ways to hold an answer to its shape, the strictest first. */
export const STRUCTURES = ['json_schema', 'json_object', 'text'] as const;
export type Structure = (typeof STRUCTURES)[number];

type Body = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

/** What is known of the endpoint's ways: learnt once from what it refuses, then kept to. */
export class Dialect {
  structure: Structure;
  limit: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  /** An answer has come: from then on a refusal is of the request, not of our ways. */
  proven = false;

  constructor(private readonly spec: EndpointSpec) {
    this.structure = spec.structured === 'auto' ? 'json_schema' : spec.structured;
  }

  body(request: TeacherRequest): Body {
    const { messages, temperature, maxTokens } = request;
    return {
      ...(this.spec.parameters as object),
      model: this.spec.model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      temperature,
      [this.limit]: maxTokens,
      ...this.format(request),
    };
  }

  /** Whether a refusal was of our ways, and there is another one to try. */
  adapt({ about }: Rejection): boolean {
    if (this.proven) return false;
    if (this.limit === 'max_tokens' && about.includes('max_completion_tokens')) {
      this.limit = 'max_completion_tokens';
      return true;
    }
    const next = STRUCTURES[STRUCTURES.indexOf(this.structure) + 1];
    const ofShape = /response_format|json|schema|structured|grammar/i.test(about);
    if (this.spec.structured !== 'auto' || next === undefined || !ofShape) return false;
    this.structure = next;
    return true;
  }

  private format({ stage, answer }: TeacherRequest): Pick<Body, 'response_format'> {
    switch (this.structure) {
      case 'json_schema': {
        const schema = answerJsonSchema(answer);
        return {
          response_format: { type: 'json_schema', json_schema: { name: stage, strict: true, schema } },
        };
      }
      case 'json_object':
        return { response_format: { type: 'json_object' } };
      case 'text':
        return {};
    }
  }
}
