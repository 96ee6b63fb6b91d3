#include "flash.h"

#include <algorithm>
#include <cmath>

#include "gemm.h"
#include "tiles.h"

namespace truecast {
namespace {

typedef uint32_t Words __attribute__((vector_size(LANES * 4)));
typedef uint16_t HalfWords __attribute__((vector_size(LANES * 2)));

const float INFINITE = __builtin_inff();

Words mixed(Words x) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/** bitsAt of random.h. */
Words bitsOf(uint32_t key, Words index) {
  return mixed(mixed(key ^ (index * 0x9e3779b1u)) + index * 0x85ebca77u);
}

Vector keptOf(const DropoutMask& mask, Words halves) {
  return select(halves >= mask.threshold, broadcast(mask.kept), Vector{});
}

Words countUp() {
  Words lanes{};
  for (int i = 0; i < LANES; i++) lanes[i] = i;
  return lanes;
}

/** Rows `stride` apart as the columns of `target`, `width` of them; columns beyond `count` are 0. */
void transposeRows(float* target, int width, const float* source, int64_t stride, int count, int depth) {
  const float* rows[MOST_TILE];
  for (int i = 0; i < count; i++) rows[i] = source + i * stride;
  transposePanel(target, width, rows, count, depth);
}

/** Writes [d, width] in columns as rows of d. */
void writeTransposed(float* target, int64_t stride, const float* source, int64_t width, int count, int64_t d) {
  for (int64_t c = 0; c < d; c += LANES) {
    const int n = static_cast<int>(std::min<int64_t>(LANES, d - c));
    float square[MOST_TILE * LANES];
    const float* rows[LANES];
    for (int i = 0; i < n; i++) rows[i] = source + (c + i) * width;
    transposePanel(square, LANES, rows, n, count);
    for (int i = 0; i < count; i++) copyNumbers(target + i * stride + c, square + i * LANES, n);
  }
}

/** What tells lanes of queries apart from those that see a key. */
struct QueryLanes {
  IntVector part, segment, place, position;
};
struct KeyLanes {
  IntVector part, segment, shared, place, position;
};

QueryLanes queryLanes(const Tokens& t, int64_t i) {
  return {loadInts(&t.part[i]), loadInts(&t.segment[i]), loadInts(&t.place[i]), loadInts(&t.position[i])};
}
QueryLanes oneQuery(const Tokens& t, int64_t i) {
  return {everywhere(t.part[i]), everywhere(t.segment[i]), everywhere(t.place[i]), everywhere(t.position[i])};
}
KeyLanes keyLanes(const Tokens& t, int64_t i) {
  return {loadInts(&t.part[i]), loadInts(&t.segment[i]), loadInts(&t.shared[i]), loadInts(&t.place[i]),
          loadInts(&t.position[i])};
}
KeyLanes oneKey(const Tokens& t, int64_t i) {
  return {everywhere(t.part[i]), everywhere(t.segment[i]), everywhere(t.shared[i]), everywhere(t.place[i]),
          everywhere(t.position[i])};
}

IntVector sees(const QueryLanes& q, const KeyLanes& k, int32_t window) {
  return Visibility::ofVectors(q.part, q.segment, q.place, q.position, k.part, k.segment, k.shared, k.place, k.position,
                               window);
}

/** Multiplies probabilities by the mask; lanes are queries t + lane, rows keys s + row. */
void dropLanes(const DropoutMask& mask, int64_t firstElement, int64_t S, int64_t s, float* tile, int64_t ld, int rows) {
  Words word{}, odd{};
  for (int i = 0; i < LANES; i++) {
    const int64_t element = firstElement + i * S;
    word[i] = static_cast<uint32_t>(element >> 1);
    odd[i] = static_cast<uint32_t>(element & 1);
  }
  Words bits{};
  for (int r = 0; r < rows; r++) {
    const Words at = odd + static_cast<uint32_t>(s + r);
    // of an even S, two keys share a word
    if (S % 2 != 0 || r == 0 || (s + r) % 2 == 0) bits = bitsOf(mask.key, word + (at >> 1));
    const Words halves = (at & 1u) != 0u ? bits >> 16 : bits & 0xffffu;
    store(tile + r * ld, load(tile + r * ld) * keptOf(mask, halves));
  }
}

/** The 16 bits of each of `count` elements from `first` on. */
struct ElementBits {
  alignas(64) uint32_t words[MOST_TILE / 2 + 2 * LANES];
  const uint16_t* first;

  void fill(const DropoutMask& mask, int64_t element, int count) {
    const Words lanes = countUp();
    const uint32_t word = static_cast<uint32_t>(element >> 1);
    for (int i = 0; 2 * i < count + 1; i += LANES) {
      const Words bits = bitsOf(mask.key, lanes + (word + static_cast<uint32_t>(i)));
      std::memcpy(words + i, &bits, sizeof bits);
    }
    first = reinterpret_cast<const uint16_t*>(words) + (element & 1);
  }
  Vector kept(const DropoutMask& mask, int lane) const {
    HalfWords halves;
    std::memcpy(&halves, first + lane, sizeof halves);
    return keptOf(mask, __builtin_convertvector(halves, Words));
  }
};

struct ForwardBuffers {
  Buffer queries, transposed, keys, values, scores, sums, top, total;
};

struct BackwardBuffers {
  Buffer queries, slopes, keys, keysTransposed, valuesTransposed, scores, dScores, dKeys, dValues, dKeyRows, dQueries,
      inner;
};

}  // namespace

void attendForward(const AttentionProblem& p, int64_t b, int64_t h, int64_t first, int count, Bias* bias, float* y,
                   float* lse) {
  thread_local ForwardBuffers buffers;
  const int64_t d = p.d, pitch = pitchOf(d);
  const int vectors = vectorsOf(count), width = vectors * LANES;
  const Tokens &queries = p.visibility->queries(), &keys = p.visibility->keys();
  const float* q = p.q + p.queryAt(b, first, h);
  float* transposed = buffers.transposed.of(d * width);
  transposeRows(transposed, width, q, p.H * d, count, static_cast<int>(d));
  float* queryRows = nullptr;
  if (bias) copyRows(queryRows = buffers.queries.of(count * pitch), pitch, q, p.H * d, count, d);
  float* keyRows = buffers.keys.of(p.tile * pitch);
  float* valueRows = buffers.values.of(p.tile * pitch);
  float* scores = buffers.scores.of(p.tile * width);
  float* sums = buffers.sums.of(d * width);
  float* top = buffers.top.of(width);
  float* total = buffers.total.of(width);
  std::fill(top, top + width, -INFINITE);
  std::fill(total, total + width, 0.0f);
  bool started = false;

  for (int64_t s = 0; s < p.S; s += p.tile) {
    const int n = static_cast<int>(std::min<int64_t>(p.tile, p.S - s));
    const Sees seen = p.visibility->ofTiles(b, first, count, s, n);
    if (seen == Sees::none) continue;
    copyRows(keyRows, pitch, p.k + p.keyAt(b, s, h), p.G * d, n, d);
    prefetchRows(p.v + p.keyAt(b, s, h), p.G * d, n, d);
    multiply<Left::byRow>(n, vectors, static_cast<int>(d), keyRows, pitch, transposed, width, scores, width, false);
    if (bias) bias->add(scores, width, {s, n, keyRows, pitch}, {first, count, queryRows, pitch}, false);
    for (int v = 0; v < vectors; v++) {
      float* column = scores + v * LANES;
      const QueryLanes lanes = queryLanes(queries, b * queries.pitch + first + v * LANES);
      const Vector before = load(top + v * LANES);
      Vector highest = before;
      for (int r = 0; r < n; r++) {
        Vector score = load(column + r * width) * p.scale;
        if (p.cap != 0) score = p.cap * tanh(score / p.cap);
        if (seen == Sees::some) {
          const IntVector visible = sees(lanes, oneKey(keys, b * keys.pitch + s + r), p.visibility->window());
          score = select(visible, score, broadcast(-INFINITE));
        }
        store(column + r * width, score);
        highest = maximum(highest, score);
      }
      // of lanes that have seen nothing yet, −inf − 0 stays −inf
      const Vector origin = select(highest == -INFINITE, Vector{}, highest);
      Vector sum{};
      for (int r = 0; r < n; r++) {
        const Vector probability = expOfScore(load(column + r * width) - origin);
        sum += probability;
        store(column + r * width, probability);
      }
      const Vector shrink = expOfScore(before - origin);
      store(total + v * LANES, load(total + v * LANES) * shrink + sum);
      store(top + v * LANES, highest);
      if (p.dropout) {
        const int64_t element = ((b * p.H + h) * p.T + first + v * LANES) * p.S;
        dropLanes(*p.dropout, element, p.S, s, column, width, n);
      }
      if (!started) continue;
      for (int64_t c = 0; c < d; c++) {
        float* sumOf = sums + c * width + v * LANES;
        store(sumOf, load(sumOf) * shrink);
      }
    }
    copyRows(valueRows, pitch, p.v + p.keyAt(b, s, h), p.G * d, n, d);
    const int64_t next = s + p.tile;
    if (next < p.S) {
      prefetchRows(p.k + p.keyAt(b, next, h), p.G * d, static_cast<int>(std::min<int64_t>(p.tile, p.S - next)), d);
    }
    multiply<Left::byDepth>(static_cast<int>(d), vectors, n, valueRows, pitch, scores, width, sums, width, started);
    started = true;
  }

  if (!started) std::fill(sums, sums + d * width, 0.0f);
  for (int v = 0; v < vectors; v++) {
    const Vector sum = load(total + v * LANES);
    const Vector inverse = select(sum == 0.0f, Vector{}, 1.0f / sum);
    for (int64_t c = 0; c < d; c++) {
      float* at = sums + c * width + v * LANES;
      store(at, load(at) * inverse);
    }
  }
  writeTransposed(y + p.queryAt(b, first, h), p.H * d, sums, width, count, d);
  for (int i = 0; i < count; i++) lse[(b * p.H + h) * p.T + first + i] = top[i] + std::log(total[i]);
}

void attendBackward(const AttentionProblem& p, int64_t b, int64_t h, int64_t begin, int64_t end, Bias* bias,
                    const AttentionGradients& g) {
  thread_local BackwardBuffers buffers;
  const int64_t d = p.d, pitch = pitchOf(d), stride = p.H * d;
  const int depth = static_cast<int>(d);
  const Tokens &queries = p.visibility->queries(), &keys = p.visibility->keys();
  const float* lse = g.lse + (b * p.H + h) * p.T;
  float* inner = buffers.inner.of(p.T);
  for (int64_t t = 0; t < p.T; t++) {
    inner[t] = dot(g.dy + p.queryAt(b, t, h), g.y + p.queryAt(b, t, h), d);
  }
  float* dQueries = buffers.dQueries.of(p.T * pitch);
  std::fill(dQueries, dQueries + p.T * pitch, 0.0f);
  float* queryRows = buffers.queries.of(p.tile * pitch);
  float* slopeRows = buffers.slopes.of(p.tile * pitch);
  float* keyRows = buffers.keys.of(p.tile * pitch);
  float* dKeyRows = bias ? buffers.dKeyRows.of(p.tile * pitch) : nullptr;
  ElementBits bits;

  for (int64_t s = begin; s < end; s += p.tile) {
    const int n = static_cast<int>(std::min<int64_t>(p.tile, end - s));
    const int vectors = vectorsOf(n), width = vectors * LANES;
    float* keysTransposed = buffers.keysTransposed.of(d * width);
    float* valuesTransposed = buffers.valuesTransposed.of(d * width);
    float* dKeys = buffers.dKeys.of(d * width);
    float* dValues = buffers.dValues.of(d * width);
    float* scores = buffers.scores.of(p.tile * width);
    float* dScores = buffers.dScores.of(p.tile * width);
    copyRows(keyRows, pitch, p.k + p.keyAt(b, s, h), p.G * d, n, d);
    transposeRows(keysTransposed, width, keyRows, pitch, n, depth);
    transposeRows(valuesTransposed, width, p.v + p.keyAt(b, s, h), p.G * d, n, depth);
    std::fill(dKeys, dKeys + d * width, 0.0f);
    std::fill(dValues, dValues + d * width, 0.0f);
    if (bias) std::fill(dKeyRows, dKeyRows + n * pitch, 0.0f);

    for (int64_t t = 0; t < p.T; t += p.tile) {
      const int m = static_cast<int>(std::min<int64_t>(p.tile, p.T - t));
      const Sees seen = p.visibility->ofTiles(b, t, m, s, n);
      if (seen == Sees::none) continue;
      const Side querySide{t, m, queryRows, pitch}, keySide{s, n, keyRows, pitch};
      copyRows(queryRows, pitch, p.q + p.queryAt(b, t, h), stride, m, d);
      copyRows(slopeRows, pitch, g.dy + p.queryAt(b, t, h), stride, m, d);
      const int64_t next = t + p.tile;
      if (next < p.T) {
        const int rows = static_cast<int>(std::min<int64_t>(p.tile, p.T - next));
        prefetchRows(p.q + p.queryAt(b, next, h), stride, rows, d);
        prefetchRows(g.dy + p.queryAt(b, next, h), stride, rows, d);
      }
      multiply<Left::byRow>(m, vectors, depth, queryRows, pitch, keysTransposed, width, scores, width, false);
      multiply<Left::byRow>(m, vectors, depth, slopeRows, pitch, valuesTransposed, width, dScores, width, false);
      if (bias) bias->add(scores, width, querySide, keySide, true);
      for (int i = 0; i < m; i++) {
        const QueryLanes query = oneQuery(queries, b * queries.pitch + t + i);
        if (p.dropout) bits.fill(*p.dropout, ((b * p.H + h) * p.T + t + i) * p.S + s, width);
        for (int v = 0; v < vectors; v++) {
          float *score = scores + i * width + v * LANES, *slope = dScores + i * width + v * LANES;
          Vector x = load(score) * p.scale, through = broadcast(p.scale);
          if (p.cap != 0) {
            const Vector share = tanh(x / p.cap);
            x = p.cap * share;
            through *= 1.0f - share * share;
          }
          Vector probability = expOfScore(x - lse[t + i]);
          if (seen == Sees::some) {
            const IntVector visible =
                sees(query, keyLanes(keys, b * keys.pitch + s + v * LANES), p.visibility->window());
            probability = select(visible, probability, Vector{});
          }
          Vector dProbability = load(slope), used = probability;
          if (p.dropout) {
            const Vector kept = bits.kept(*p.dropout, v * LANES);
            used *= kept;
            dProbability *= kept;
          }
          store(score, used);
          store(slope, probability * (dProbability - inner[t + i]) * through);
        }
      }
      multiply<Left::byDepth>(depth, vectors, m, slopeRows, pitch, scores, width, dValues, width, true);
      multiply<Left::byDepth>(depth, vectors, m, queryRows, pitch, dScores, width, dKeys, width, true);
      float* dq = dQueries + t * pitch;
      multiply<Left::byRow>(m, vectorsOf(d), n, dScores, width, keyRows, pitch, dq, pitch, true);
      if (bias) bias->absorb(dScores, width, querySide, keySide, dq, pitch, dKeyRows, pitch);
    }
    writeTransposed(g.dv + s * g.dkStride, g.dkStride, dValues, width, n, d);
    writeTransposed(g.dk + s * g.dkStride, g.dkStride, dKeys, width, n, d);
    for (int i = 0; bias && i < n; i++) {
      float* row = g.dk + (s + i) * g.dkStride;
      for (int64_t c = 0; c < d; c++) row[c] += dKeyRows[i * pitch + c];
    }
  }
  for (int64_t t = 0; t < p.T; t++) copyNumbers(g.dq + t * g.dqStride, dQueries + t * pitch, d);
}

}  // namespace truecast
