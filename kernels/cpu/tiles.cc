#include "tiles.h"

namespace truecast {
namespace {

// Sums in registers: 24 of 32 with AVX-512, 12 of 16 before.
constexpr int ROWS = LANES == 16 ? 12 : 6;

template <Left LEFT, int COUNT, int VECTORS>
__attribute__((noinline)) void multiplyTile(int depth, const float* __restrict left, int64_t lda,
                                            const float* __restrict right, int64_t ldr, float* __restrict c,
                                            int64_t ldc, bool add) {
  Vector sums[COUNT][VECTORS] = {};
  for (int k = 0; k < depth; k++) {
    Vector lanes[VECTORS];
    for (int v = 0; v < VECTORS; v++) lanes[v] = load(right + v * LANES);
    right += ldr;
    if constexpr (LEFT == Left::byDepth) {
#pragma GCC unroll 12
      for (int i = 0; i < COUNT; i++) {
        for (int v = 0; v < VECTORS; v++) sums[i][v] += broadcast(left[i]) * lanes[v];
      }
      left += lda;
    } else {
      // a pointer for every four rows: the addresses in between are pointer + multiple of lda
      const float* four = left + k;
#pragma GCC unroll 12
      for (int i = 0; i < COUNT; i++) {
        if (i > 0 && i % 4 == 0) four += 4 * lda;
        for (int v = 0; v < VECTORS; v++) sums[i][v] += broadcast(four[i % 4 * lda]) * lanes[v];
      }
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < COUNT; i++) {
    for (int v = 0; v < VECTORS; v++) {
      float* target = c + i * ldc + v * LANES;
      store(target, add ? load(target) + sums[i][v] : sums[i][v]);
    }
  }
}

template <Left LEFT, int COUNT, int VECTORS>
void multiplyRows(int rows, int depth, const float* left, int64_t lda, const float* right, int64_t ldr, float* c,
                  int64_t ldc, bool add) {
  int row = 0;
  const int64_t step = LEFT == Left::byRow ? lda : 1;
  for (; row + COUNT <= rows; row += COUNT) {
    multiplyTile<LEFT, COUNT, VECTORS>(depth, left + row * step, lda, right, ldr, c + row * ldc, ldc, add);
  }
  if constexpr (COUNT > 1) {
    constexpr int NEXT = COUNT > 8 ? 8 : COUNT > 4 ? 4 : COUNT / 2;
    if (row < rows) {
      multiplyRows<LEFT, NEXT, VECTORS>(rows - row, depth, left + row * step, lda, right, ldr, c + row * ldc, ldc,
                                        add);
    }
  }
}

}  // namespace

template <Left LEFT>
void multiply(int rows, int vectors, int depth, const float* left, int64_t lda, const float* right, int64_t ldr,
              float* c, int64_t ldc, bool add) {
  int v = 0;
  for (; v + 2 <= vectors; v += 2) {
    multiplyRows<LEFT, ROWS, 2>(rows, depth, left, lda, right + v * LANES, ldr, c + v * LANES, ldc, add);
  }
  if (v < vectors) {
    multiplyRows<LEFT, ROWS, 1>(rows, depth, left, lda, right + v * LANES, ldr, c + v * LANES, ldc, add);
  }
}

template void multiply<Left::byRow>(int, int, int, const float*, int64_t, const float*, int64_t, float*, int64_t,
                                    bool);
template void multiply<Left::byDepth>(int, int, int, const float*, int64_t, const float*, int64_t, float*, int64_t,
                                      bool);

}  // namespace truecast
