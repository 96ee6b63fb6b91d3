import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { CommandModule } from 'yargs';
import {
  CARD_KEYS,
  type CardChanges,
  type CardField,
  type FoundCard,
  personaYaml,
  readCardFile,
  readPersonaSource,
  unnamedStatements,
  updateCardFile,
  writePersona,
} from '../../data/index.js';
import { TruecastError, UsageError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { bytesText } from '../../support/numbers.js';
import { helpEnd, OWN } from '../options.js';
import { print, printJson, table } from '../output.js';

interface Options {
  action: 'show' | 'statements' | 'write';
  file: string;
  out?: string;
  language?: string;
  set?: string[];
  force: boolean;
  json?: boolean;
}

export const cardCommand: CommandModule<object, Options> = {
  command: 'card <action> <file>',
  describe: 'Character cards: what is in one, its statements, changes to it',
  builder: (yargs) =>
    yargs
      .positional('action', {
        choices: ['show', 'statements', 'write'] as const,
        demandOption: true,
        describe:
          'show: what is in the card; statements: a persona made of it by rules; write: change fields',
      })
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'A card of version 1, 2 or 3: PNG, JSON or CHARX; for statements a world info JSON, too',
      })
      .options({
        out: { type: 'string', requiresArg: true, describe: 'With statements, write: the file to write' },
        language: {
          type: 'string',
          requiresArg: true,
          describe: 'With statements: the language, where its script (Latin: en) does not tell it',
        },
        set: {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'With write: FIELD=TEXT, the field as it is called in the card; several may follow',
        },
        force: { type: 'boolean', default: false, describe: 'Write over a file that is there' },
      })
      .group(['out', 'language', 'set', 'force'], OWN)
      .epilogue(
        helpEnd(
          {
            'talk to a card': 'truecast chat --character mara.png --model checkpoints/tiny-gemma',
            'a persona to mend by hand': 'truecast card statements mara.png --out mara.yaml',
            'another greeting': 'truecast card write mara.png --out mara-2.png --set first_mes="Come in."',
          },
          'Statements are found by rules, without a model: sentences stand as they are, attributes ("[Hair: red; …]", ' +
            'Personality("a" + "b"), lines "Hair: red") become "NAME\'s hair: red.", entries of the lorebook are read ' +
            'alike, {{user}} lines of example dialogues become queries. What became no statement is listed in ' +
            'NAME.provenance.json beside the persona, with the place that each statement is from.',
          'write changes the JSON of the named fields alone; everything else keeps its bytes.',
        ),
      ),
  handler({ action, file, out, language, set, force, json }) {
    if (action === 'show') {
      const found = readCardFile(file);
      for (const warning of found.warnings) process.stderr.write(`warning: ${warning}\n`);
      return json ? showJson(found, file) : show(found, file);
    }
    if (action === 'statements') return statements({ file, out, language, force, json });
    if (out === undefined || set === undefined)
      throw new UsageError('card write needs --out FILE and --set FIELD=TEXT', 'give both');
    const bytes = updateCardFile(file, changesOf(set));
    refuseExisting(out, force);
    writeFileAtomic(out, bytes);
    if (json) printJson({ out, bytes: bytes.length });
    else print(out);
  },
};

function statements(options: Pick<Options, 'file' | 'out' | 'language' | 'force' | 'json'>): void {
  const { file, out, language, force, json } = options;
  const persona = readPersonaSource(file, language);
  const unnamed = unnamedStatements(persona);
  if (out !== undefined) {
    for (const path of writePersona(persona, file, out, force)) process.stderr.write(`wrote ${path}\n`);
  }
  if (json) printJson(persona);
  else if (out === undefined) print(personaYaml(persona, file).trimEnd());
  const { name, language: tag, statements, queries, leftOut } = persona;
  process.stderr.write(
    `${name} (${tag}): ${statements.length} statements, ${queries.length} queries; ${leftOut.length} texts left out\n`,
  );
  const reasons = new Map<string, number>();
  for (const { why } of leftOut) reasons.set(why, (reasons.get(why) ?? 0) + 1);
  for (const [why, count] of reasons) process.stderr.write(`  left out ${count}: ${why}\n`);
  if (unnamed > 0)
    process.stderr.write(
      `${unnamed} statements do not name ${name}: rewrite those that begin with a pronoun\n`,
    );
}

function showJson({ card, warnings: _, ...found }: FoundCard, file: string): void {
  const { raw: _raw, lorebook, ...fields } = card;
  const entries = lorebook?.entries.map(({ raw: _entry, ...entry }) => entry);
  const { raw: _book, ...book } = lorebook ?? { raw: {} };
  printJson({ file, ...found, ...fields, ...(entries ? { lorebook: { ...book, entries } } : {}) });
}

function show({ card, container, place, others, files }: FoundCard, file: string): void {
  const where = place === '' ? '' : `, ${place}`;
  print(`${basename(file)}: a character card of version ${card.version} (${container}${where})`);
  for (const other of others) print(`also: version ${other.version}, ${other.place}`);
  const rows = Object.entries(CARD_KEYS).flatMap(([field, key]) => {
    const value = card[field as CardField] ?? '';
    if (value.length === 0) return [];
    const list = typeof value === 'string' ? [value] : value;
    return list.map((text, i) => [typeof value === 'string' ? key : `${key}[${i}]`, shortened(text)]);
  });
  print(table([['field', 'text'], ...rows]));
  const { entries = [] } = card.lorebook ?? {};
  if (entries.length > 0) {
    print(`lorebook: ${entries.length} entries`);
    print(
      table([
        ['', 'keys', '', 'content'],
        ...entries
          .slice(0, 50)
          .map(({ index, keys, constant, enabled, content }) => [
            String(index),
            shortened(keys.join(', '), 30),
            `${enabled ? '' : 'disabled '}${constant ? 'constant' : ''}`.trim(),
            shortened(content, 50),
          ]),
      ]),
    );
    if (entries.length > 50) print(`… and ${entries.length - 50} more (--json has all)`);
  }
  for (const { type, name, ext, uri } of card.assets)
    print(`asset: ${type} ${name}.${ext} ${shortened(uri, 60)}`);
  for (const { name, size } of files.slice(0, 50)) print(`file: ${shortened(name, 80)} (${bytesText(size)})`);
  if (files.length > 50) print(`… and ${files.length - 50} more files`);
}

/** `first_mes=Come in.` and the like; lists are changed through the library. */
function changesOf(settings: readonly string[]): CardChanges {
  const changes: Partial<Record<CardField, string>> = {};
  for (const setting of settings) {
    const at = setting.indexOf('=');
    const key = setting.slice(0, Math.max(0, at));
    const field = (Object.keys(CARD_KEYS) as CardField[]).find((name) => CARD_KEYS[name] === key);
    if (field === undefined || LISTS.includes(field)) {
      const known = Object.values(CARD_KEYS).filter(
        (name) => !LISTS.some((list) => CARD_KEYS[list] === name),
      );
      throw new UsageError(`--set takes FIELD=TEXT, not ${setting}`, `fields are ${known.join(', ')}`);
    }
    changes[field] = setting.slice(at + 1);
  }
  return changes as CardChanges;
}

const LISTS: readonly CardField[] = ['alternateGreetings', 'groupOnlyGreetings', 'tags'];

function refuseExisting(path: string, force: boolean): void {
  if (existsSync(path) && !force)
    throw new TruecastError(`${path} exists`, 'choose another name, or --force writes over it');
}

/** One line, without characters that would move a terminal's cursor. */
function shortened(text: string, length = 70): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  const shown = [...line.slice(0, 4 * length)].slice(0, length).join('');
  return shown.length < line.length ? `${shown}… (${line.length})` : line;
}
