import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadCharacter, readTable, relevanceTable, writeJsonl } from '../../src/data/index.js';
import { applyReviewTo, reviewSoFar, setAside } from '../../src/recipes/review.js';
import { textWidth, wrapText } from '../../src/support/textWidth.js';
import { page } from '../../src/teacher/review/page.js';
import {
  nliReviewRow,
  type ReviewRow,
  relevanceReviewRow,
  reviewTable,
} from '../../src/teacher/review/rows.js';
import { selectForReview } from '../../src/teacher/review/select.js';
import { DECISIONS_FILE, REVIEW_FILE, ReviewSession } from '../../src/teacher/review/session.js';
import { reviewOnTerminal } from '../../src/teacher/review/terminal.js';
import { refusal } from '../helpers/refusal.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { FakeTerminal } from '../helpers/terminal.js';
import { nliRow, relevanceRow } from './reviewRows.js';

const folder = temporaryFolders();

/** A folder with these rows set aside, in this order. */
function setAsideRows(rows: ReviewRow[]): string {
  const path = folder();
  writeJsonl(join(path, REVIEW_FILE), reviewTable, rows);
  return path;
}

const THREE = [
  nliReviewRow(nliRow(1, 2)),
  nliReviewRow(nliRow(2, 1)),
  relevanceReviewRow(relevanceRow(3, 1)),
];

const decisions = (path: string) =>
  readFileSync(join(path, DECISIONS_FILE), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { action: string; label: number | null; blind: boolean });

describe('selectForReview', () => {
  const rows = [
    ...Array.from({ length: 200 }, (_, i) => relevanceReviewRow(relevanceRow(i, i % 4 === 0 ? 1 : 0))),
    ...Array.from({ length: 90 }, (_, i) => nliReviewRow(nliRow(i, i < 3 ? 0 : i % 2 === 0 ? 1 : 2))),
  ];
  const counts = (drawn: ReviewRow[]) => {
    const result: Record<string, number> = {};
    for (const { table, label } of drawn)
      result[`${table} ${label}`] = (result[`${table} ${label}`] ?? 0) + 1;
    return result;
  };

  it('draws the share of every table and label, at least one', () => {
    expect(counts(selectForReview(rows, 0.1, 1))).toEqual({
      'relevance 0': 15,
      'relevance 1': 5,
      'nli 0': 1,
      'nli 1': 4,
      'nli 2': 4,
    });
    expect(selectForReview(rows, 0, 1)).toEqual([]);
    expect(selectForReview(rows, 1, 1)).toHaveLength(290);
  });

  it('depends on the seed and the rows alone, not on their order', () => {
    const drawn = selectForReview(rows, 0.1, 1);
    expect(selectForReview([...rows].reverse(), 0.1, 1)).toEqual(drawn);
    expect(selectForReview(rows, 0.1, 2)).not.toEqual(drawn);
  });

  it('asks the same question once', () => {
    expect(selectForReview([...rows, ...rows], 1, 1)).toHaveLength(290);
  });

  it('mixes labels within a table', () => {
    const labels = selectForReview(rows, 1, 1)
      .filter(({ table }) => table === 'relevance')
      .map(({ label }) => label);
    const changes = labels.filter((label, i) => i > 0 && label !== labels[i - 1]).length;
    // sorted it would be 1; of 200 rows, a quarter of them yes, about 2 · 200 · ¼ · ¾ = 75
    expect(changes).toBeGreaterThan(45);
  });
});

describe('a review session', () => {
  it('saves each step before the next, and goes on after a kill', () => {
    const path = setAsideRows(THREE);
    const first = new ReviewSession(path, { showLabel: false });
    expect(first.current?.rowId).toBe(THREE[0]!.rowId);
    first.label(2);
    expect(decisions(path)).toMatchObject([{ action: 'label', label: 2, blind: true }]);
    // a killed process leaves half a line
    appendFileSync(join(path, DECISIONS_FILE), '{"rowId":"');
    const second = new ReviewSession(path, { showLabel: false });
    expect(second.current?.rowId).toBe(THREE[1]!.rowId);
    second.label(0);
    expect(decisions(path)).toHaveLength(2);
    expect(readFileSync(join(path, DECISIONS_FILE), 'utf8').endsWith('}\n')).toBe(true);
  });

  it('passes over what was skipped, and offers it again the next time', () => {
    const path = setAsideRows(THREE);
    const first = new ReviewSession(path, { showLabel: false });
    first.skip();
    first.label(1);
    first.label(1);
    expect(first.current).toBeUndefined();
    expect(reviewSoFar(path)).toMatchObject({ labelled: 2, skipped: 1, left: 0 });
    const second = new ReviewSession(path, { showLabel: false });
    expect(second.current?.rowId).toBe(THREE[0]!.rowId);
    second.label(2);
    expect(second.current).toBeUndefined();
  });

  it('takes steps back, of an earlier session too, and knows which labels were given unseen', () => {
    const path = setAsideRows(THREE);
    const first = new ReviewSession(path, { showLabel: false });
    first.label(2);
    first.label(0);
    const second = new ReviewSession(path, { showLabel: false });
    expect(second.undo()).toBe(true);
    expect(second.current?.rowId).toBe(THREE[1]!.rowId);
    second.label(1);
    expect(second.undo()).toBe(true);
    expect(second.undo()).toBe(true);
    expect(second.undo()).toBe(false);
    expect(second.current?.rowId).toBe(THREE[0]!.rowId);
    second.label(2);
    second.label(1);
    second.label(1);
    expect(
      decisions(path)
        .slice(-3)
        .map(({ blind }) => blind),
    ).toEqual([false, false, true]);
    expect(new ReviewSession(path, { showLabel: false }).state).toEqual(second.state);
  });

  it('keeps decisions on rows that are gone, and says so', () => {
    const path = setAsideRows(THREE);
    new ReviewSession(path, { showLabel: false }).label(2);
    writeJsonl(join(path, REVIEW_FILE), reviewTable, THREE.slice(1));
    expect(reviewSoFar(path)).toMatchObject({ rows: 2, labelled: 0, stale: 1 });
  });

  it('refuses what is no review', () => {
    expect(refusal(() => new ReviewSession(folder(), { showLabel: false }))).toMatch(
      /review\.jsonl.*--share/,
    );
    const path = setAsideRows([THREE[0]!, THREE[0]!]);
    expect(refusal(() => new ReviewSession(path, { showLabel: false }))).toContain('occurs twice');
    const wrong = setAsideRows(THREE);
    const line = { rowId: THREE[2]!.rowId, action: 'label', label: 2, blind: true, at: '' };
    writeFileSync(join(wrong, DECISIONS_FILE), `${JSON.stringify(line)}\n`);
    expect(refusal(() => reviewSoFar(wrong))).toContain('has the label 2, which relevance has not');
  });
});

describe('the report', () => {
  it('sets the teacher against the person, by label', () => {
    const rows = [
      ...[2, 2, 1, 1, 0].map((label, i) => nliReviewRow(nliRow(i, label as 0 | 1 | 2))),
      relevanceReviewRow(relevanceRow(10, 1), 0),
    ];
    const path = setAsideRows(rows);
    const session = new ReviewSession(path, { showLabel: false });
    for (const label of [2, 1, 1, 1, 0, 0]) session.label(label);
    const report = reviewSoFar(path);
    expect(report).toMatchObject({ rows: 6, labelled: 6, left: 0, stale: 0 });
    const [relevance, nli] = report.tables;
    expect(nli).toMatchObject({ table: 'nli', accuracy: { correct: 4, rows: 5, share: 0.8 }, inView: 0 });
    expect(nli!.byLabel.entailed).toMatchObject({ correct: 1, rows: 2 });
    expect(nli!.byLabel.neutral).toMatchObject({ correct: 2, rows: 2 });
    // observed 4/5, chance (1·1 + 2·3 + 2·1)/25 = 9/25
    expect(nli!.agreement.kappa).toBeCloseTo((0.8 - 0.36) / 0.64, 14);
    // no accuracy comes from rows that were chosen for being disputed
    expect(relevance).toMatchObject({
      accuracy: { rows: 0, share: null },
      disagreements: { rows: 1, first: 0, second: 1, neither: 0 },
    });
  });
});

describe('the page', () => {
  const session = (row: ReviewRow, showLabel = false) =>
    new ReviewSession(setAsideRows([row]), { showLabel });
  const chinese = nliReviewRow({
    ...nliRow(1, 2),
    language: 'zh',
    name: '沈砚',
    statement: '沈砚在苏州的一条小巷里经营着一家修理旧书的铺子，已经有十七年了。',
    query: '你在那条巷子里待了多久？',
    response: '我在这儿修书，一修就是十七年。',
  });

  it('fits every terminal, in Latin and in Han', () => {
    for (const row of [...THREE, chinese]) {
      for (const columns of [12, 20, 33, 80]) {
        for (const rows of [6, 12, 24]) {
          const { lines } = page(session(row, true), { columns, rows, color: false, scroll: 0 });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(textWidth(line)).toBeLessThan(columns);
        }
      }
    }
  });

  it('shows everything of a row, by scrolling where it must', () => {
    const reviewed = session(chinese);
    const options = { columns: 20, rows: 12, color: false };
    const { maxScroll } = page(reviewed, { ...options, scroll: 0 });
    expect(maxScroll).toBeGreaterThan(0);
    const seen = new Set<string>();
    for (let scroll = 0; scroll <= maxScroll; scroll++) {
      for (const line of page(reviewed, { ...options, scroll }).lines) seen.add(line.trim());
    }
    for (const text of [chinese.statement, chinese.query, chinese.response!]) {
      for (const line of wrapText(text, 19)) expect(seen).toContain(line);
    }
  });

  it('hides the label of the teacher unless it is asked for', () => {
    const options = { columns: 80, rows: 24, color: false, scroll: 0 };
    expect(page(session(THREE[0]!), options).lines.join('\n')).not.toContain('the teacher');
    expect(page(session(THREE[0]!, true), options).lines.join('\n')).toContain('the teacher: entailed');
  });

  it('lets no text steer the terminal', () => {
    const row = nliReviewRow({ ...nliRow(1, 2), response: 'Hi\x1b[2J\x1b]0;title\x07 there' });
    const { lines } = page(session(row), { columns: 80, rows: 24, color: false, scroll: 0 });
    expect(lines.join('')).not.toContain('\x1b');
    expect(lines.join('')).not.toContain('\x07');
  });
});

describe('the terminal', () => {
  const begin = (path: string, terminal: FakeTerminal, showLabel = false) =>
    reviewOnTerminal(new ReviewSession(path, { showLabel }), terminal);

  it('takes a keystroke for each row, and leaves the terminal as it was', async () => {
    const path = setAsideRows(THREE);
    const terminal = new FakeTerminal();
    const done = begin(path, terminal);
    expect(terminal.input.raw).toBe(true);
    expect(terminal.screen.join('\n')).toContain('Maker keeps 1 clocks.');
    await terminal.press('x', 'y', 'e');
    expect(decisions(path)).toHaveLength(1);
    expect(terminal.screen.join('\n')).toContain('before: you entailed; the teacher: entailed');
    await terminal.press('c', 's');
    expect(terminal.screen.join('\n')).toContain('All rows are checked');
    await terminal.press('u', 'y', 'q');
    await done;
    expect(decisions(path).map(({ action, label }) => [action, label])).toEqual([
      ['label', 2],
      ['label', 0],
      ['skip', null],
      ['undo', null],
      ['label', 1],
    ]);
    expect(terminal.input.raw).toBe(false);
    expect(terminal.written.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
    expect(process.listeners('exit').some(({ name }) => name === 'leave')).toBe(false);
  });

  it.each([['\x03'], ['\x04'], ['q']])('ends at %j', async (key) => {
    const terminal = new FakeTerminal();
    const done = begin(setAsideRows(THREE), terminal);
    await terminal.press(key);
    await done;
  });

  it('ends where the input ends', async () => {
    const terminal = new FakeTerminal();
    const done = begin(setAsideRows(THREE), terminal);
    terminal.input.end();
    await done;
    expect(terminal.input.raw).toBe(false);
  });

  it('draws anew where the terminal changes its size', async () => {
    const terminal = new FakeTerminal();
    const done = begin(setAsideRows(THREE), terminal);
    terminal.resize(16, 10);
    for (const line of terminal.screen) expect(textWidth(line)).toBeLessThan(16);
    await terminal.press('\x1b[B', '\x1b[A', 'q');
    await done;
  });

  it('uses colour unless NO_COLOR is set', async () => {
    for (const [env, colored] of [
      [{}, true],
      [{ NO_COLOR: '' }, true],
      [{ NO_COLOR: '1' }, false],
      [{ TERM: 'dumb' }, false],
    ] as const) {
      const terminal = new FakeTerminal(undefined, env as Record<string, string>);
      const done = begin(setAsideRows(THREE), terminal);
      await terminal.press('q');
      await done;
      expect(terminal.written.includes('\x1b[2m')).toBe(colored);
    }
  });

  it('ends with the error where a step cannot be saved, the terminal as it was', async () => {
    const path = setAsideRows(THREE);
    const terminal = new FakeTerminal();
    const done = begin(path, terminal);
    rmSync(path, { recursive: true });
    const failed = expect(done).rejects.toThrow('ENOENT');
    await terminal.press('e');
    await failed;
    expect(terminal.input.raw).toBe(false);
  });

  it('refuses to run without a terminal', () => {
    const terminal = new FakeTerminal();
    terminal.input.isTTY = false as true;
    expect(refusal(() => begin(setAsideRows(THREE), terminal))).toMatch(/no terminal.*--report/);
  });
});

describe('the recipe', () => {
  const copy = () => {
    const path = join(folder(), 'quill');
    cpSync('datasets/quill', path, { recursive: true });
    return path;
  };

  it('sets rows of a data set aside, once', () => {
    const path = copy();
    expect(setAside(path, { share: 0.1, seed: 3 })).toBeGreaterThan(20);
    expect(refusal(() => setAside(path, { share: 0.1, seed: 3 }))).toContain('set aside already');
    expect(refusal(() => setAside(folder(), { share: 0.1, seed: 3 }))).toContain('no data set');
  });

  it('writes the data set with the person’s labels, and what follows from them', () => {
    const path = copy();
    const before = loadCharacter(path);
    setAside(path, { share: 1, seed: 3 });
    const target = join(folder(), 'out');
    expect(refusal(() => applyReviewTo(path, target))).toContain('nothing has been labelled');
    // one yes becomes no, one entailed response of a dialogue neutral
    const session = new ReviewSession(path, { showLabel: false });
    const active = before.relevance!.find(({ label }) => label === 1)!;
    const [dialogue] = before.dialogues!;
    const said = before.nli!.find(({ response, label }) => response === dialogue!.response && label === 2)!;
    const wrong = new Set([relevanceReviewRow(active).rowId, nliReviewRow(said).rowId]);
    for (let row = session.current; row; row = session.current) {
      session.label(wrong.has(row.rowId) ? (row.table === 'nli' ? 1 : 0) : row.label);
    }
    const applied = applyReviewTo(path, target);
    expect(applied).toMatchObject({
      changed: { relevance: 1, nli: 1 },
      added: { relevance: 0, nli: 0 },
      dialoguesDropped: 1,
      dialoguesAdded: 0,
      unknown: 0,
    });
    const after = loadCharacter(target);
    expect(after.statements).toEqual(before.statements);
    expect(after.relevance!.filter((row, i) => row.label !== before.relevance![i]!.label)).toEqual([
      { ...active, label: 0, origin: 'hard' },
    ]);
    const query = after.queries.find(({ queryId }) => queryId === active.queryId)!;
    expect(query.active).not.toContain(active.statementId);
    const others = (rows: typeof after.queries) => rows.filter(({ queryId }) => queryId !== active.queryId);
    expect(others(after.queries).map((row) => row.active)).toEqual(
      others(before.queries).map((row) => row.active),
    );
    expect(after.nli!.filter((row, i) => row.label !== before.nli![i]!.label)).toEqual([
      { ...said, label: 1 },
    ]);
    expect(after.dialogues).toHaveLength(before.dialogues!.length - 1);
    const files = readdirSync(target);
    expect(files).toContain('reviewed.json');
    expect(
      files.some((name) => name === REVIEW_FILE || name === DECISIONS_FILE || name.endsWith('.tmp')),
    ).toBe(false);
    expect(refusal(() => applyReviewTo(path, target))).toContain('there already');
  });

  it('puts rows in that two teachers disagreed on', () => {
    const path = copy();
    const added = { ...readTable(join(path, 'relevance.arrow'), relevanceTable)[0]!, query: 'Another one?' };
    writeJsonl(join(path, REVIEW_FILE), reviewTable, [
      relevanceReviewRow({ ...added, label: 0, origin: 'random' }, 1),
      relevanceReviewRow({ ...added, query: 'Of another build?', label: 0, origin: 'random' }),
      nliReviewRow({ ...nliRow(1, 0), character: 'quill' }, 2),
    ]);
    const session = new ReviewSession(path, { showLabel: false });
    session.label(1);
    session.label(1);
    session.label(2);
    const target = join(folder(), 'out');
    expect(applyReviewTo(path, target)).toMatchObject({
      added: { relevance: 1, nli: 1 },
      dialoguesAdded: 1,
      unknown: 1,
    });
    expect(loadCharacter(target).dialogues!.at(-1)).toMatchObject({ queryId: 'q1', response: 'I keep 1.' });
    expect(readTable(join(target, 'relevance.arrow'), relevanceTable).at(-1)).toEqual({
      ...added,
      label: 1,
      origin: 'active',
    });
  });

  it('leaves nothing behind where it fails', () => {
    const path = copy();
    setAside(path, { share: 0.1, seed: 3 });
    new ReviewSession(path, { showLabel: false }).label(1);
    rmSync(join(path, 'split.json'));
    const out = folder();
    expect(refusal(() => applyReviewTo(path, join(out, 'x')))).toContain('split');
    expect(readdirSync(out)).toEqual([]);
    expect(existsSync(join(out, 'x'))).toBe(false);
  });
});
