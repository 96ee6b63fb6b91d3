import type { z } from 'zod';

/** What a teacher is asked for, in the order of the pipeline. */
export const STAGES = ['statements', 'queries', 'relevance', 'responses', 'nli', 'verification'] as const;
export type Stage = (typeof STAGES)[number];

/** One question to a teacher: everything that the answer depends on, but who answers. */
export interface TeacherRequest {
  stage: Stage;
  /** The prompt file: its language and version (a changed text is another version). */
  prompt: { language: string; version: string };
  /** The prompt's variables by name, for teachers that do not read prose. */
  variables: Readonly<Record<string, string>>;
  messages: readonly { role: 'system' | 'user'; content: string }[];
  temperature: number;
  /** Longest answer in tokens. */
  maxTokens: number;
  /** What the answer must be, as a JSON schema too for endpoints that can be held to it. */
  answer: z.ZodType;
  /** Tells questions apart that are asked several times with the same words. */
  repetition: number;
}

/** Why there is no answer: a row of the report, never dropped. */
export type FailureReason = 'refused' | 'filtered' | 'malformed' | 'too-long' | 'rejected';

export interface Usage {
  promptTokens: number;
  completionTokens: number;
}

/** The raw text of an answer, or why there is none. What may pass if tried again is thrown instead. */
export type TeacherReply =
  | { text: string; usage: Usage }
  | { failure: FailureReason; detail: string; usage: Usage };

/** Whoever labels: a model behind an API, a local model of ours, or rules. */
export interface Teacher {
  /** For provenance, and part of the key that answers are stored under: who answers, and with what parameters. */
  readonly identity: Readonly<Record<string, string | number>>;
  /** Answers a question in the same way each time: asking again is of no use. */
  readonly deterministic?: boolean;
  /** @throws TruecastError where the teacher cannot be had at all (a wrong key, no such model) */
  ask(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply>;
  close(): void;
}
