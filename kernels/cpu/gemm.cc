#include "gemm.h"

#include <algorithm>
#include <memory>

#include "vector.h"

namespace truecast {
namespace {

// A tile of C in registers: 24 of 32 with AVX-512, 12 of 16 before.
constexpr int ROWS = LANES == 16 ? 12 : 6;
constexpr int COLUMNS = 2 * LANES;
// A panel of B stays in the first cache, a block of A in the second.
constexpr int DEPTH = 256;
constexpr int BLOCK_ROWS = 20 * ROWS;
constexpr int BLOCK_COLUMNS = 16 * COLUMNS;

int64_t panels(int64_t size, int width) { return (size + width - 1) / width; }

/** Panels of one thread, kept from call to call. */
struct Workspace {
  std::unique_ptr<float[]> a, b;
  Workspace() : a(allocate(BLOCK_ROWS)), b(allocate(BLOCK_COLUMNS)) {}
  static std::unique_ptr<float[]> allocate(int rows) {
    return std::unique_ptr<float[]>(new (std::align_val_t(64)) float[static_cast<size_t>(rows) * DEPTH]);
  }
};

Workspace& workspace() {
  thread_local Workspace instance;
  return instance;
}

void multiplyTile(int depth, const float* __restrict a, const float* __restrict b, float* c, int64_t stride,
                  int rows, int columns, bool add) {
  Vector sums[ROWS][2] = {};
  for (int k = 0; k < depth; k++) {
    const Vector left = load(b), right = load(b + LANES);
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++) {
      const Vector x = broadcast(a[i]);
      sums[i][0] += x * left;
      sums[i][1] += x * right;
    }
    a += ROWS;
    b += COLUMNS;
  }
  if (columns == COLUMNS) {
#pragma GCC unroll 12
    for (int i = 0; i < ROWS; i++) {
      if (i >= rows) break;
      float* row = c + i * stride;
      store(row, add ? load(row) + sums[i][0] : sums[i][0]);
      store(row + LANES, add ? load(row + LANES) + sums[i][1] : sums[i][1]);
    }
    return;
  }
  float tile[ROWS][COLUMNS];
  std::memcpy(tile, sums, sizeof tile);
  for (int i = 0; i < rows; i++) {
    float* row = c + i * stride;
    for (int j = 0; j < columns; j++) row[j] = add ? row[j] + tile[i][j] : tile[i][j];
  }
}

void multiplyBlock(int64_t row, int64_t rows, int64_t column, int64_t columns,
                   const std::vector<Product>& products, const Output& output) {
  Workspace& space = workspace();
  bool add = output.accumulate;
  for (const Product& product : products) {
    for (int64_t k = 0; k < product.depth; k += DEPTH) {
      const int depth = static_cast<int>(std::min<int64_t>(DEPTH, product.depth - k));
      for (int64_t m = 0; m < rows; m += ROWS) {
        const int count = static_cast<int>(std::min<int64_t>(ROWS, rows - m));
        product.a(space.a.get() + m * depth, ROWS, row + m, count, k, depth);
      }
      for (int64_t n = 0; n < columns; n += COLUMNS) {
        const int width = static_cast<int>(std::min<int64_t>(COLUMNS, columns - n));
        product.b(space.b.get(), COLUMNS, column + n, width, k, depth);
        for (int64_t m = 0; m < rows; m += ROWS) {
          const int count = static_cast<int>(std::min<int64_t>(ROWS, rows - m));
          multiplyTile(depth, space.a.get() + m * depth, space.b.get(),
                       output.data + (row + m) * output.stride + column + n, output.stride, count, width, add);
        }
      }
      add = true;
    }
  }
  if (!add) {
    for (int64_t m = row; m < row + rows; m++) std::fill_n(output.data + m * output.stride + column, columns, 0.0f);
  }
  if (output.finish) output.finish(row, rows, column, columns);
}

/** How a dimension is cut: as few parts as fit, made even, their number a multiple of `times` where that can be. */
int64_t partSize(int64_t size, int width, int most, int64_t times) {
  const int64_t count = panels(size, width);
  const int64_t perPart = most / width;
  int64_t parts = panels(count, static_cast<int>(perPart));
  parts = std::min(count, panels(parts, static_cast<int>(times)) * times);
  return panels(count, static_cast<int>(parts)) * width;
}

/** Swaps the off-diagonal blocks of size `step` of a square of LANES vectors. */
template <int STEP>
void swapBlocks(Vector* square) {
  IntVector upper{}, lower{};
  for (int i = 0; i < LANES; i++) {
    upper[i] = i & STEP ? LANES + i - STEP : i;
    lower[i] = i & STEP ? LANES + i : i + STEP;
  }
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) {
    if (i & STEP) continue;
    const Vector a = square[i], b = square[i + STEP];
    square[i] = __builtin_shuffle(a, b, upper);
    square[i + STEP] = __builtin_shuffle(a, b, lower);
  }
}

void transposeSquare(Vector* square) {
  if constexpr (LANES == 16) swapBlocks<8>(square);
  if constexpr (LANES >= 8) swapBlocks<4>(square);
  swapBlocks<2>(square);
  swapBlocks<1>(square);
}

}  // namespace

void gemm(Context& context, int64_t M, int64_t N, const std::vector<Product>& products, const Output& output) {
  if (M == 0 || N == 0) return;
  const int64_t rows = partSize(M, ROWS, BLOCK_ROWS, 1);
  const int64_t rowBlocks = panels(M, static_cast<int>(rows));
  const int64_t columns =
      partSize(N, COLUMNS, BLOCK_COLUMNS, rowBlocks % context.threads() == 0 ? 1 : context.threads());
  const int64_t columnBlocks = panels(N, static_cast<int>(columns));
  double depth = 0;
  for (const Product& product : products) depth += product.depth;
  const double cost = 2.0 * rows * columns * depth / 100.0;
  context.parallel(rowBlocks * columnBlocks, cost, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      const int64_t row = block % rowBlocks * rows, column = block / rowBlocks * columns;
      multiplyBlock(row, std::min(rows, M - row), column, std::min(columns, N - column), products, output);
    }
  });
}

void gemmSerial(int64_t M, int64_t N, const std::vector<Product>& products, const Output& output) {
  for (int64_t row = 0; row < M; row += BLOCK_ROWS) {
    for (int64_t column = 0; column < N; column += BLOCK_COLUMNS) {
      multiplyBlock(row, std::min<int64_t>(BLOCK_ROWS, M - row), column,
                    std::min<int64_t>(BLOCK_COLUMNS, N - column), products, output);
    }
  }
}

void transposePanel(float* panel, int width, const float* const* rows, int count, int depth) {
  for (int first = 0; first < width; first += LANES) {
    const int present = std::min(LANES, width - first);
    for (int k = 0; k < depth; k += LANES) {
      const int columns = std::min(LANES, depth - k);
      Vector square[LANES];
      for (int i = 0; i < LANES; i++) {
        if (i >= present || first + i >= count) square[i] = Vector{};
        else square[i] = columns == LANES ? load(rows[first + i] + k) : loadPart(rows[first + i] + k, columns);
      }
      transposeSquare(square);
      for (int j = 0; j < columns; j++) {
        float* target = panel + static_cast<int64_t>(k + j) * width + first;
        if (present == LANES) store(target, square[j]);
        else storePart(target, square[j], present);
      }
    }
  }
}

Pack packRows(const float* data, int64_t stride) {
  return [=](float* panel, int width, int64_t row, int rows, int64_t k, int depth) {
    const float* starts[COLUMNS];
    for (int i = 0; i < rows; i++) starts[i] = data + (row + i) * stride + k;
    transposePanel(panel, width, starts, rows, depth);
  };
}

Pack packColumns(const float* data, int64_t stride) {
  return [=](float* panel, int width, int64_t row, int rows, int64_t k, int depth) {
    for (int i = 0; i < depth; i++) {
      const float* source = data + (k + i) * stride + row;
      float* target = panel + static_cast<int64_t>(i) * width;
      std::memcpy(target, source, rows * sizeof(float));
      for (int j = rows; j < width; j++) target[j] = 0;
    }
  };
}

}  // namespace truecast
