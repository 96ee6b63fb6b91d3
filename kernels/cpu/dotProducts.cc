#include "dotProducts.h"

#include <algorithm>

#include "vector.h"

namespace truecast {
namespace {

/** Weights' rows and x's rows in a tile of sums in registers. */
constexpr int OUT = LANES == 16 ? 4 : 2;
constexpr int IN = LANES == 16 ? 6 : 4;
/** Elements of a row that are dequantised at a time. */
constexpr int CHUNK = 1024;

/** sums[o][m] += Σ_k w[o][k] · x[m][k] */
template <int ROWS>
void accumulate(Vector (*sums)[IN], const float* const* w, const float* x, int64_t stride, int depth) {
  Vector tile[OUT][ROWS];
  for (int o = 0; o < OUT; o++) {
    for (int m = 0; m < ROWS; m++) tile[o][m] = sums[o][m];
  }
  int k = 0;
  for (; k + LANES <= depth; k += LANES) {
    Vector weights[OUT];
    for (int o = 0; o < OUT; o++) weights[o] = load(w[o] + k);
#pragma GCC unroll 6
    for (int m = 0; m < ROWS; m++) {
      const Vector row = load(x + m * stride + k);
#pragma GCC unroll 4
      for (int o = 0; o < OUT; o++) tile[o][m] += weights[o] * row;
    }
  }
  if (k < depth) {
    const int rest = depth - k;
    for (int m = 0; m < ROWS; m++) {
      const Vector row = loadPart(x + m * stride + k, rest);
      for (int o = 0; o < OUT; o++) tile[o][m] += loadPart(w[o] + k, rest) * row;
    }
  }
  for (int o = 0; o < OUT; o++) {
    for (int m = 0; m < ROWS; m++) sums[o][m] = tile[o][m];
  }
}

using Accumulate = void (*)(Vector (*)[IN], const float* const*, const float*, int64_t, int);

Accumulate accumulateRows(int rows) {
  switch (rows) {
    case 1: return accumulate<1>;
    case 2: return accumulate<2>;
    case 3: return accumulate<3>;
    case 4: return accumulate<4>;
#if defined(__AVX512F__)
    case 5: return accumulate<5>;
#endif
    default: return accumulate<IN>;
  }
}

/** The outputs [first, first + count), count at most OUT, of all rows. */
void multiplyRows(int64_t first, int count, int64_t M, int64_t N, const std::vector<DotProduct>& products,
                  const float* bias, float* y) {
  thread_local float space[OUT][CHUNK];
  Vector sums[(FEW_ROWS + IN - 1) / IN][OUT][IN] = {};
  for (const DotProduct& product : products) {
    for (int64_t k = 0; k < product.depth; k += CHUNK) {
      const int depth = static_cast<int>(std::min<int64_t>(CHUNK, product.depth - k));
      const float* w[OUT];
      for (int o = 0; o < OUT; o++) {
        // what is beyond the last output is computed from it again, and not stored
        w[o] = product.weight->read(first + std::min(o, count - 1), k, depth, space[o]);
      }
      for (int64_t m = 0; m < M; m += IN) {
        const int rows = static_cast<int>(std::min<int64_t>(IN, M - m));
        accumulateRows(rows)(sums[m / IN], w, product.x + m * product.stride + k, product.stride, depth);
      }
    }
  }
  for (int64_t m = 0; m < M; m++) {
    for (int o = 0; o < count; o++) {
      y[m * N + first + o] = sum(sums[m / IN][o][m % IN]) + (bias ? bias[first + o] : 0.0f);
    }
  }
}

}  // namespace

void dotProducts(Context& context, int64_t M, int64_t N, const std::vector<DotProduct>& products,
                 const float* bias, float* y) {
  double depth = 0;
  for (const DotProduct& product : products) depth += product.depth;
  const int64_t groups = (N + OUT - 1) / OUT;
  context.parallel(groups, OUT * depth * (M + 2) / 25.0, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; group++) {
      const int64_t first = group * OUT;
      multiplyRows(first, static_cast<int>(std::min<int64_t>(OUT, N - first)), M, N, products, bias, y);
    }
  });
}

}  // namespace truecast
