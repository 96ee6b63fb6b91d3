import {
  type Code,
  f32,
  f32x4,
  i32,
  type Local,
  loopWhile,
  Module,
  type Scope,
  select,
  v128,
  when,
} from './assembler.js';

/**
 * Matrix products on the heap: C[m,n] = A[m,k]·B[k,n] for any strides of A and B, rows of C being contiguous.
 *
 * B is copied, a strip of NR columns and KC rows at a time, to where its values lie in the order of use; a
 * tile of MR rows of A meets the strip in registers. Longer sums than KC are continued from C.
 */
const MR_FUSED = 6;
const MR_SEPARATE = 4;
const NR = 8;
const KC = 512;

/** Bytes of scratch memory that a product needs: the strip, and a tile for ragged edges. */
export const SCRATCH_BYTES = (KC * NR + MR_FUSED * NR) * 4;
const EDGE_TILE = KC * NR * 4;

export interface GemmExports {
  /** Strides in bytes. */
  gemm(
    a: number,
    aRow: number,
    aColumn: number,
    b: number,
    bRow: number,
    bColumn: number,
    c: number,
    m: number,
    n: number,
    k: number,
    scratch: number,
  ): void;
  /** c[n] = a[k]·B[k,n], rows of B contiguous. */
  rowTimesMatrix(a: number, b: number, c: number, n: number, k: number): void;
  /** c[n] = a[k]·B[n,k]ᵀ, rows of B contiguous. */
  rowTimesTransposed(a: number, b: number, c: number, n: number, k: number): void;
}

/** `fused`: with relaxed SIMD's multiply-add, which Node 20 lacks (it frees registers for taller tiles). */
export function gemmModule(fused: boolean): Uint8Array<ArrayBuffer> {
  const MR = fused ? MR_FUSED : MR_SEPARATE;
  const multiplyAdd = fused
    ? f32x4.relaxedMultiplyAdd
    : (a: Code, b: Code, c: Code): Code => f32x4.add(c, f32x4.mul(a, b));
  const { const: number, add, sub, mul, lessThan, equal, shiftLeft } = i32;
  const module = new Module();
  const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const vectors = (scope: Scope, count: number): Local[] => range(count).map(() => scope.local('v128'));

  /** Copies k rows of `width` ≤ NR columns of B to a strip, filled up with zeros. */
  const pack = module.define('pack', 6, (scope, b, row, column, k, width, strip) => {
    const [p, j, from, to] = range(4).map(() => scope.local('i32')) as [Local, Local, Local, Local];
    const loaded = vectors(scope, 4);
    const halves = vectors(scope, 4);
    const one = (source: Code): Code[] => [
      j.set(number(0)),
      loopWhile(
        lessThan(j.get, number(NR)),
        f32.store(add(to.get, shiftLeft(j.get, 2)), [
          ...lessThan(j.get, width.get),
          ...[0x04, 0x7d],
          ...f32.load(add(source, mul(j.get, column.get))),
          0x05,
          ...f32.const0,
          0x0b,
        ]),
        j.add(number(1)),
      ),
    ];
    const transposed = (group: number): Code[] => [
      ...loaded.map((vector, r) =>
        vector.set(v128.load(add(from.get, mul(column.get, number(group * 4 + r))))),
      ),
      halves[0]!.set(f32x4.shuffle(loaded[0]!.get, loaded[1]!.get, [0, 4, 1, 5])),
      halves[1]!.set(f32x4.shuffle(loaded[2]!.get, loaded[3]!.get, [0, 4, 1, 5])),
      halves[2]!.set(f32x4.shuffle(loaded[0]!.get, loaded[1]!.get, [2, 6, 3, 7])),
      halves[3]!.set(f32x4.shuffle(loaded[2]!.get, loaded[3]!.get, [2, 6, 3, 7])),
      ...range(4).map((r) => {
        const [low, high] = [halves[r < 2 ? 0 : 2]!, halves[r < 2 ? 1 : 3]!];
        const value = f32x4.shuffle(low.get, high.get, r % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]);
        return v128.store(to.get, value, (r * NR + group * 4) * 4);
      }),
    ];
    return [
      from.set(b.get),
      to.set(strip.get),
      when(equal(width.get, number(NR)), [
        when(
          equal(column.get, number(4)),
          [
            loopWhile(
              lessThan(p.get, k.get),
              v128.store(to.get, v128.load(from.get)),
              v128.store(to.get, v128.load(from.get, 16), 16),
              from.add(row.get),
              to.add(number(NR * 4)),
              p.add(number(1)),
            ),
          ],
          [
            when(equal(row.get, number(4)), [
              loopWhile(
                lessThan(add(p.get, number(3)), k.get),
                ...range(NR / 4).flatMap(transposed),
                from.add(number(16)),
                to.add(number(4 * NR * 4)),
                p.add(number(4)),
              ),
            ]),
          ],
        ),
      ]),
      loopWhile(
        lessThan(p.get, k.get),
        ...one(from.get),
        from.add(row.get),
        to.add(number(NR * 4)),
        p.add(number(1)),
      ),
    ];
  });

  /** A tile of `rows` rows of C, set or (where `more`) added to. */
  const tile = (rows: number) =>
    module.define(`tile${rows}`, 8, (scope, a, aRow, aColumn, strip, k, c, cRow, more) => {
      const sums = range(rows).map(() => vectors(scope, NR / 4));
      const b = vectors(scope, NR / 4);
      const factor = scope.local('v128');
      const as = [a, ...range(rows - 1).map(() => scope.local('i32'))];
      const cs = [c, ...range(rows - 1).map(() => scope.local('i32'))];
      const each = (body: (row: number, column: number) => Code): Code[] =>
        range(rows).flatMap((row) => range(NR / 4).map((column) => body(row, column)));
      return [
        ...range(rows - 1).flatMap((row) => [
          as[row + 1]!.set(add(as[row]!.get, aRow.get)),
          cs[row + 1]!.set(add(cs[row]!.get, cRow.get)),
        ]),
        when(
          more.get,
          each((row, column) => sums[row]![column]!.set(v128.load(cs[row]!.get, column * 16))),
        ),
        loopWhile(
          k.get,
          ...b.map((vector, column) => vector.set(v128.load(strip.get, column * 16))),
          ...range(rows).flatMap((row) => [
            factor.set(v128.loadSplat(as[row]!.get)),
            ...range(NR / 4).map((column) => {
              const sum = sums[row]![column]!;
              return sum.set(multiplyAdd(factor.get, b[column]!.get, sum.get));
            }),
          ]),
          ...as.map((pointer) => pointer.add(aColumn.get)),
          strip.add(number(NR * 4)),
          k.set(sub(k.get, number(1))),
        ),
        ...each((row, column) => v128.store(cs[row]!.get, sums[row]![column]!.get, column * 16)),
      ];
    });
  const fullTile = tile(MR);
  const rowTile = tile(1);

  /** Sets or adds `width` columns of a row, from the edge tile. */
  const copyEdge = module.define('copyEdge', 4, (scope, from, c, width, more) => {
    const j = scope.local('i32');
    const at = (pointer: Local): Code => add(pointer.get, shiftLeft(j.get, 2));
    return [
      loopWhile(
        lessThan(j.get, width.get),
        when(
          more.get,
          [f32.store(at(c), f32.add(f32.load(at(c)), f32.load(at(from))))],
          [f32.store(at(c), f32.load(at(from)))],
        ),
        j.add(number(1)),
      ),
    ];
  });

  module.define('gemm', 11, (scope, a, aRow, aColumn, b, bRow, bColumn, c, m, n, k, scratch) => {
    const [i, j, p, rows, depth, width, cRow, edge] = range(8).map(() => scope.local('i32')) as Local[];
    const [aAt, cAt, edgeRow] = range(3).map(() => scope.local('i32')) as Local[];
    const tiles = (call: typeof fullTile, height: number): Code[] => [
      when(
        lessThan(width!.get, number(NR)),
        [
          call(
            aAt!.get,
            aRow.get,
            aColumn.get,
            scratch.get,
            depth!.get,
            edge!.get,
            number(NR * 4),
            number(0),
          ),
          edgeRow!.set(number(0)),
          loopWhile(
            lessThan(edgeRow!.get, number(height)),
            copyEdge(
              add(edge!.get, mul(edgeRow!.get, number(NR * 4))),
              add(cAt!.get, mul(edgeRow!.get, cRow!.get)),
              width!.get,
              p!.get,
            ),
            edgeRow!.add(number(1)),
          ),
        ],
        [call(aAt!.get, aRow.get, aColumn.get, scratch.get, depth!.get, cAt!.get, cRow!.get, p!.get)],
      ),
      aAt!.add(mul(aRow.get, number(height))),
      cAt!.add(mul(cRow!.get, number(height))),
      i!.add(number(height)),
    ];
    const least = (x: Code, y: Code): Code => select(lessThan(x, y), x, y);
    return [
      rows!.set(m.get),
      cRow!.set(shiftLeft(n.get, 2)),
      edge!.set(add(scratch.get, number(EDGE_TILE))),
      loopWhile(
        lessThan(p!.get, k.get),
        depth!.set(least(sub(k.get, p!.get), number(KC))),
        j!.set(number(0)),
        loopWhile(
          lessThan(j!.get, n.get),
          width!.set(least(sub(n.get, j!.get), number(NR))),
          pack(
            add(b.get, add(mul(p!.get, bRow.get), mul(j!.get, bColumn.get))),
            bRow.get,
            bColumn.get,
            depth!.get,
            width!.get,
            scratch.get,
          ),
          aAt!.set(add(a.get, mul(p!.get, aColumn.get))),
          cAt!.set(add(c.get, shiftLeft(j!.get, 2))),
          i!.set(number(0)),
          loopWhile(lessThan(add(i!.get, number(MR - 1)), rows!.get), ...tiles(fullTile, MR)),
          loopWhile(lessThan(i!.get, rows!.get), ...tiles(rowTile, 1)),
          j!.add(number(NR)),
        ),
        p!.add(number(KC)),
      ),
    ];
  });

  module.define('rowTimesMatrix', 5, (scope, a, b, c, n, k) => {
    const [p, j, bAt, cAt, rowBytes] = range(5).map(() => scope.local('i32')) as Local[];
    const factors = vectors(scope, 4);
    const sum = scope.local('v128');
    const total = scope.local('f32');
    /** c += the next `count` rows of B, each times its value of a. */
    const addRows = (count: number): Code[] => [
      ...range(count).map((r) => factors[r]!.set(v128.loadSplat(a.get, r * 4))),
      cAt!.set(c.get),
      bAt!.set(b.get),
      j!.set(number(0)),
      loopWhile(
        lessThan(add(j!.get, number(3)), n.get),
        sum.set(v128.load(cAt!.get)),
        ...range(count).map((r) =>
          sum.set(
            multiplyAdd(factors[r]!.get, v128.load(add(bAt!.get, mul(rowBytes!.get, number(r)))), sum.get),
          ),
        ),
        v128.store(cAt!.get, sum.get),
        cAt!.add(number(16)),
        bAt!.add(number(16)),
        j!.add(number(4)),
      ),
      loopWhile(
        lessThan(j!.get, n.get),
        total.set(f32.load(cAt!.get)),
        ...range(count).map((r) =>
          total.set(
            f32.add(
              total.get,
              f32.mul(f32.load(a.get, r * 4), f32.load(add(bAt!.get, mul(rowBytes!.get, number(r))))),
            ),
          ),
        ),
        f32.store(cAt!.get, total.get),
        cAt!.add(number(4)),
        bAt!.add(number(4)),
        j!.add(number(1)),
      ),
      a.add(number(count * 4)),
      b.add(mul(rowBytes!.get, number(count))),
      p!.add(number(count)),
    ];
    return [
      rowBytes!.set(shiftLeft(n.get, 2)),
      cAt!.set(c.get),
      loopWhile(
        lessThan(j!.get, n.get),
        f32.store(cAt!.get, f32.const0),
        cAt!.add(number(4)),
        j!.add(number(1)),
      ),
      loopWhile(lessThan(add(p!.get, number(3)), k.get), ...addRows(4)),
      loopWhile(lessThan(p!.get, k.get), ...addRows(1)),
    ];
  });

  module.define('rowTimesTransposed', 5, (scope, a, b, c, n, k) => {
    const [p, j, aAt, bAt, rowBytes] = range(5).map(() => scope.local('i32')) as Local[];
    const sums = vectors(scope, 4);
    const factor = scope.local('v128');
    const totals = range(4).map(() => scope.local('f32'));
    /** The next `count` values of c. */
    const dotRows = (count: number): Code[] => [
      aAt!.set(a.get),
      bAt!.set(b.get),
      p!.set(number(0)),
      ...range(count).map((r) => sums[r]!.set(v128.zero)),
      loopWhile(
        lessThan(add(p!.get, number(3)), k.get),
        factor.set(v128.load(aAt!.get)),
        ...range(count).map((r) =>
          sums[r]!.set(
            multiplyAdd(factor.get, v128.load(add(bAt!.get, mul(rowBytes!.get, number(r)))), sums[r]!.get),
          ),
        ),
        aAt!.add(number(16)),
        bAt!.add(number(16)),
        p!.add(number(4)),
      ),
      ...range(count).map((r) =>
        totals[r]!.set(
          f32.add(
            f32.add(f32x4.lane(sums[r]!.get, 0), f32x4.lane(sums[r]!.get, 1)),
            f32.add(f32x4.lane(sums[r]!.get, 2), f32x4.lane(sums[r]!.get, 3)),
          ),
        ),
      ),
      loopWhile(
        lessThan(p!.get, k.get),
        ...range(count).map((r) =>
          totals[r]!.set(
            f32.add(
              totals[r]!.get,
              f32.mul(f32.load(aAt!.get), f32.load(add(bAt!.get, mul(rowBytes!.get, number(r))))),
            ),
          ),
        ),
        aAt!.add(number(4)),
        bAt!.add(number(4)),
        p!.add(number(1)),
      ),
      ...range(count).map((r) => f32.store(c.get, totals[r]!.get, r * 4)),
      b.add(mul(rowBytes!.get, number(count))),
      c.add(number(count * 4)),
      j!.add(number(count)),
    ];
    return [
      rowBytes!.set(shiftLeft(k.get, 2)),
      loopWhile(lessThan(add(j!.get, number(3)), n.get), ...dotRows(4)),
      loopWhile(lessThan(j!.get, n.get), ...dotRows(1)),
    ];
  });
  return module.encode();
}
