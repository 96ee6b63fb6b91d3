export { worldCharacter, worldText } from './character.js';
export type { WorldCharacter, WorldQuery, WorldResponse, WorldStatement } from './types.js';
