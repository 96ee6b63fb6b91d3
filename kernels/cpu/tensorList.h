// Ops on lists of tensors, of n each, which are cut into blocks that threads share.
#pragma once

#include <algorithm>
#include <vector>

#include "../op.h"

namespace truecast {

/** The list-th of an op's lists of n tensors. */
inline std::vector<Tensor> listOf(Context& context, int list) {
  const auto n = static_cast<int>(context.integer("n"));
  std::vector<Tensor> tensors;
  tensors.reserve(n);
  for (int i = 0; i < n; i++) tensors.push_back(context.input(list * n + i));
  return tensors;
}

/** Elements [begin, end) of a tensor. */
struct Block {
  size_t tensor;
  int64_t begin, end;
};

/** All tensors in blocks of at most `size` elements, in order. */
inline std::vector<Block> blocksOf(const std::vector<Tensor>& tensors, int64_t size) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < tensors.size(); i++) {
    const int64_t all = tensors[i].size();
    for (int64_t begin = 0; begin < all; begin += size) blocks.push_back({i, begin, std::min(all, begin + size)});
  }
  return blocks;
}

}  // namespace truecast
