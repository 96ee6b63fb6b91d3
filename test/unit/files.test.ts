import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TruecastError } from '../../src/support/errors.js';
import {
  appendLine,
  dropHalfLine,
  readJson,
  readText,
  writeAtomic,
  writeFileAtomic,
} from '../../src/support/files.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();

describe('atomic writing', () => {
  it('replaces a file, makes its folders, and leaves nothing beside it', () => {
    const path = join(temporary(), 'a', 'b', 'file.txt');
    writeFileAtomic(path, 'first');
    expect(readFileSync(path, 'utf8')).toBe('first');
    writeFileAtomic(path, new Uint8Array([0, 255, 10]));
    expect([...readFileSync(path)]).toEqual([0, 255, 10]);
    writeFileAtomic(path, '');
    expect(readFileSync(path)).toHaveLength(0);
    expect(readdirSync(join(path, '..'))).toEqual(['file.txt']);
  });

  it('keeps the old file where writing fails, and removes the half-written one', () => {
    const folder = temporary();
    const path = join(folder, 'file.txt');
    writeFileAtomic(path, 'old');
    const failing = () =>
      writeAtomic(path, (fd) => {
        writeSync(fd, 'half of the n');
        throw new Error('disk full');
      });
    expect(failing).toThrow('disk full');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['file.txt']);
  });

  it('shows a reader the old file until the new one is whole', () => {
    const path = join(temporary(), 'file.txt');
    writeFileAtomic(path, 'old');
    writeAtomic(path, (fd) => {
      writeSync(fd, 'new');
      expect(readFileSync(path, 'utf8')).toBe('old');
    });
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it('fails where the target is a folder, and leaves nothing', () => {
    const folder = temporary();
    mkdirSync(join(folder, 'target', 'inner'), { recursive: true });
    expect(() => writeFileAtomic(join(folder, 'target'), 'x')).toThrow();
    expect(readdirSync(folder)).toEqual(['target']);
  });
});

describe('lines', () => {
  it('are added at the end', () => {
    const path = join(temporary(), 'rows.jsonl');
    appendLine(path, '{"a":1}');
    appendLine(path, '{"a":2}');
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
  });

  it('that were half written are dropped', () => {
    const path = join(temporary(), 'rows.jsonl');
    writeFileSync(path, '{"a":1}\n{"a":');
    dropHalfLine(path);
    appendLine(path, '{"a":3}');
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n{"a":3}\n');
    writeFileSync(path, '{"a":');
    dropHalfLine(path);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('that are whole stay, as do empty and absent files', () => {
    const folder = temporary();
    const path = join(folder, 'rows');
    for (const text of ['', 'a\n', 'a\nb\n']) {
      writeFileSync(path, text);
      dropHalfLine(path);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
    dropHalfLine(join(folder, 'none'));
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});

describe('reading', () => {
  it('names the file that is missing, no file, or no JSON', () => {
    const folder = temporary();
    const path = join(folder, 'x.json');
    const message = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        expect(error).toBeInstanceOf(TruecastError);
        return (error as TruecastError).message;
      }
      throw new Error('expected an error');
    };
    expect(message(() => readText(path, 'notes'))).toBe(`notes not found: ${path}`);
    expect(message(() => readText(folder, 'notes'))).toContain(`notes cannot be read: ${folder}`);
    writeFileSync(path, '{"a": 1,}');
    expect(message(() => readJson(path, 'settings'))).toContain(`settings is not JSON: ${path}`);
    writeFileSync(path, '{"a": [1]}');
    expect(readJson(path, 'settings')).toEqual({ a: [1] });
  });
});
