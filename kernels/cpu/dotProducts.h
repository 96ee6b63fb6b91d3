// Products of few rows with a weight matrix: nothing is packed, each weight is read once.
#pragma once

#include <vector>

#include "weightRows.h"

namespace truecast {

/** Above this many rows packing pays. */
constexpr int64_t FEW_ROWS = 48;

/** x [M, depth], rows `stride` apart, times W [N, depth]ᵀ. */
struct DotProduct {
  int64_t depth;
  const float* x;
  int64_t stride;
  const WeightRows* weight;
};

/** y [M, N] = Σ over products of x Wᵀ, plus `bias` [N] where there is one. By all threads; M up to FEW_ROWS. */
void dotProducts(Context& context, int64_t M, int64_t N, const std::vector<DotProduct>& products,
                 const float* bias, float* y);

}  // namespace truecast
