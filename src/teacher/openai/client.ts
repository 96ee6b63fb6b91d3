import OpenAI from 'openai';
import type { EndpointSpec } from '../../config/teacher.js';
import { TruecastError } from '../../support/errors.js';
import { Secret } from '../secret.js';
import type { Teacher } from '../teacher.js';

type Environment = Readonly<Record<string, string | undefined>>;

const OPENAI_HOST = 'api.openai.com';

/** The key that belongs to an endpoint, from the environment alone. */
export function keyOf({ baseUrl, keyFrom }: EndpointSpec, environment: Environment): Secret {
  const atOpenAi = new URL(baseUrl).host === OPENAI_HOST;
  const name = keyFrom ?? (atOpenAi ? 'OPENAI_API_KEY' : undefined);
  if (name === undefined) return new Secret(undefined);
  const value = environment[name]?.trim();
  if (!value) {
    throw new TruecastError(
      `${name} is not set: ${new URL(baseUrl).host} wants a key`,
      `set ${name} in the environment; endpoints without keys need no teacher.keyFrom`,
    );
  }
  // what fits no header would be printed by the error that refuses it
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new TruecastError(`the key in ${name} holds spaces or characters that no key has`, 'copy it again');
  }
  return new Secret(value);
}

/** The client, without retries, logs and settings of its own. */
export function clientOf(spec: EndpointSpec, secret: Secret, environment: Environment): OpenAI {
  const key = secret.reveal();
  const atOpenAi = new URL(spec.baseUrl).host === OPENAI_HOST;
  return new OpenAI({
    baseURL: spec.baseUrl,
    // the client insists on one; without a key the header is left out
    apiKey: key ?? 'none',
    ...(key === undefined ? { defaultHeaders: { Authorization: null } } : {}),
    adminAPIKey: null,
    organization: (atOpenAi && environment.OPENAI_ORG_ID) || null,
    project: (atOpenAi && environment.OPENAI_PROJECT_ID) || null,
    webhookSecret: null,
    maxRetries: 0,
    // ours are shorter
    timeout: 3_600_000,
    logLevel: 'off',
  });
}

/**
 * The identity leaves out where the model is served and how it is paced: the same model by another address,
 * or slower, is the same teacher.
 */
export function identityOf({ model, parameters }: EndpointSpec): Teacher['identity'] {
  const identity: Record<string, string> = { teacher: 'openai', model };
  if (Object.keys(parameters).length > 0) identity.parameters = JSON.stringify(parameters);
  return identity;
}
