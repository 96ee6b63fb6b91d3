// Matrix products with operands that are packed on the way: from any layout, out of any format.
//
// C [M, N] = Σ over products of A [M, depth] · B [depth, N]. A block of C stays with one thread, which packs panels of
// A (GEMM_ROWS rows) and B (GEMM_COLUMNS columns) that fit its caches and multiplies them in registers. The order of
// the sums does not depend on the number of threads: neither do the bytes of the result.
#pragma once

#include <functional>
#include <vector>

#include "../op.h"

namespace truecast {

/**
 * Writes rows [row, row + rows) of a matrix, and of each the elements [k, k + depth), as panel[k][row], `width` to a
 * k; rows beyond `rows` must become 0.
 */
using Pack = std::function<void(float* panel, int width, int64_t row, int rows, int64_t k, int depth)>;

/** Rows are A's rows, or B's columns. */
struct Product {
  int64_t depth;
  Pack a;
  Pack b;
};

struct Output {
  float* data;
  /** Between rows. */
  int64_t stride;
  /** Whether the product is added to what is there. */
  bool accumulate = false;
  /** Called with each finished block, in the cache still: rows [row, row + rows), columns [column, column + columns). */
  std::function<void(int64_t row, int64_t rows, int64_t column, int64_t columns)> finish = {};
};

/** By all threads of the context. */
void gemm(Context& context, int64_t M, int64_t N, const std::vector<Product>& products, const Output& output);

/** By the calling thread alone. */
void gemmSerial(int64_t M, int64_t N, const std::vector<Product>& products, const Output& output);

/** Of a matrix whose rows are contiguous: element (row, k) at data[row · stride + k]. */
Pack packRows(const float* data, int64_t stride);

/** Of a matrix whose columns are: element (row, k) at data[k · stride + row]. */
Pack packColumns(const float* data, int64_t stride);

/** Transposes `rows` rows of `depth` contiguous elements into a panel; for packers that make rows of their own. */
void transposePanel(float* panel, int width, const float* const* rows, int count, int depth);

}  // namespace truecast
