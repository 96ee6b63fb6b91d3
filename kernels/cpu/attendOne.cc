// A step of generation: one query per head, bound by how fast keys and values come. They are read once per key-value
// head, in place; chunks of keys go to different threads and are joined at the end, in their order.
#include <algorithm>
#include <cmath>

#include "flash.h"
#include "tiles.h"

namespace truecast {
namespace {

constexpr int CHUNK = 128;

/** Whether the row's only query sees key s. */
bool seesKey(const Visibility& visibility, int64_t b, int64_t s) {
  const Tokens &queries = visibility.queries(), &keys = visibility.keys();
  const int64_t i = b * queries.pitch, j = b * keys.pitch + s;
  return queries.part[i] == keys.part[j] && (keys.shared[j] || queries.segment[i] == keys.segment[j]) &&
         keys.place[j] <= queries.place[i] && queries.position[i] - keys.position[j] < visibility.window();
}

/** Σ p[s] · v[s] of `heads` rows of probabilities. */
void sumValues(const float* probabilities, int heads, int n, const float* values, int64_t stride, int64_t d,
               float* sums, int64_t pitch, Buffer& copy) {
  if (d % LANES != 0) {
    float* rows = copy.of(CHUNK * pitchOf(d));
    copyRows(rows, pitchOf(d), values, stride, n, d);
    values = rows;
    stride = pitchOf(d);
  }
  multiply<Left::byRow>(heads, vectorsOf(d), n, probabilities, CHUNK, values, stride, sums, pitch, false);
}

}  // namespace

void attendOne(Context& context, const AttentionProblem& p, float* y, float* lse) {
  const int heads = static_cast<int>(p.H / p.G);
  const int64_t d = p.d, pitch = roundUp(d, LANES) + 2;
  const int64_t chunks = (p.S + CHUNK - 1) / CHUNK;
  // per chunk and head: Σ p·v, then the largest score and Σ p
  float* parts = context.scratch({p.B * p.G, chunks, heads, pitch}).as<float>();

  context.parallel(p.B * p.G * chunks, 0.2 * CHUNK * heads * d / LANES, [&](int64_t begin, int64_t end) {
    thread_local Buffer scores, copy;
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t b = unit / chunks / p.G, h = unit / chunks % p.G * heads, s = unit % chunks * CHUNK;
      const int n = static_cast<int>(std::min<int64_t>(CHUNK, p.S - s));
      float* part = parts + unit * heads * pitch;
      float* rows = scores.of(heads * CHUNK);
      const float *q = p.q + p.queryAt(b, 0, h), *k = p.k + p.keyAt(b, s, h), *v = p.v + p.keyAt(b, s, h);
      for (int j = 0; j < n; j++) {
        const bool seen = seesKey(*p.visibility, b, s + j);
        for (int i = 0; i < heads; i++) {
          float score = -__builtin_inff();
          if (seen) {
            score = p.scale * dot(q + i * d, k + j * p.G * d, d);
            if (p.cap != 0) score = p.cap * std::tanh(score / p.cap);
          }
          rows[i * CHUNK + j] = score;
        }
      }
      for (int i = 0; i < heads; i++) {
        float* row = rows + i * CHUNK;
        std::fill(row + n, row + CHUNK, -__builtin_inff());
        Vector highest = load(row);
        for (int j = LANES; j < CHUNK; j += LANES) highest = maximum(highest, load(row + j));
        const float top = largest(highest);
        const float origin = top == -__builtin_inff() ? 0 : top;
        Vector sum{};
        for (int j = 0; j < CHUNK; j += LANES) {
          const Vector probability = expOfScore(load(row + j) - origin);
          sum += probability;
          store(row + j, probability);
        }
        part[i * pitch + pitch - 2] = top;
        part[i * pitch + pitch - 1] = fold(sum);
      }
      sumValues(rows, heads, n, v, p.G * d, d, part, pitch, copy);
    }
  });

  context.parallel(p.B * p.H, 0.2 * chunks * d / LANES, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t b = unit / p.H, h = unit % p.H;
      const float* first = parts + ((b * p.G + h / heads) * chunks * heads + h % heads) * pitch;
      const auto at = [&](int64_t chunk) { return first + chunk * heads * pitch; };
      float top = -__builtin_inff(), total = 0;
      for (int64_t i = 0; i < chunks; i++) top = std::max(top, at(i)[pitch - 2]);
      const float origin = top == -__builtin_inff() ? 0 : top;
      float* target = y + p.queryAt(b, 0, h);
      std::fill(target, target + d, 0.0f);
      for (int64_t i = 0; i < chunks; i++) {
        const float weight = std::exp(at(i)[pitch - 2] - origin);
        total += weight * at(i)[pitch - 1];
        for (int64_t c = 0; c < d; c++) target[c] += weight * at(i)[c];
      }
      const float inverse = total == 0 ? 0 : 1 / total;
      for (int64_t c = 0; c < d; c++) target[c] *= inverse;
      lse[unit] = top + std::log(total);
    }
  });
}

}  // namespace truecast
