export { CARD_KEYS, type CardAsset, type CardField, type CharacterCard, cardOf, fieldsOf } from './card.js';
export type { CardContainer } from './cardFile.js';
export type { CardStatement, LeftOut, LoreSource, StatementSource } from './collector.js';
export { isWorldInfo, type Lorebook, type LoreEntry, worldInfo } from './lorebook.js';
export { PROVENANCE_FORMAT, personaYaml, provenanceJson, writePersona } from './personaFile.js';
export { type FoundCard, readCard, readCardFile } from './read.js';
export { readPersonaSource, unnamedStatements } from './source.js';
export { type CardPersona, cardLanguage, cardName, cardStatements, loreStatements } from './statements.js';
export { type CardChanges, updateCard, updateCardFile } from './update.js';
