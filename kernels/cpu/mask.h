// Dropout masks on whole vectors: the bits of random.h.
#pragma once

#include "random.h"
#include "vector.h"

namespace truecast {

typedef uint32_t WordVector __attribute__((vector_size(LANES * 4)));

inline WordVector mix(WordVector x) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}

inline WordVector bitsAt(uint32_t key, WordVector index) {
  return mix(mix(key ^ (index * 0x9e3779b1u)) + index * 0x85ebca77u);
}

/** y = x · mask, where x begins with the mask's element `first`; y may be x. */
inline void applyMask(const DropoutMask& mask, const float* x, float* y, int64_t first, int64_t n) {
  WordVector counting{};
  IntVector lower{}, upper{};
  for (int i = 0; i < LANES; i++) {
    counting[i] = i;
    lower[i] = (i >> 1) + (i & 1) * LANES;
    upper[i] = lower[i] + LANES / 2;
  }
  int64_t i = 0;
  if ((first & 1) && n > 0) {
    y[0] = x[0] * mask(first);
    i = 1;
  }
  const Vector kept = broadcast(mask.kept);
  const auto threshold = static_cast<int32_t>(mask.threshold);
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    const WordVector words = bitsAt(mask.key, counting + static_cast<uint32_t>((first + i) >> 1));
    const auto low = (IntVector)(words & 0xffffu), high = (IntVector)(words >> 16);
    const Vector even = select(low < threshold, Vector{}, kept);
    const Vector odd = select(high < threshold, Vector{}, kept);
    store(y + i, load(x + i) * __builtin_shuffle(even, odd, lower));
    store(y + i + LANES, load(x + i + LANES) * __builtin_shuffle(even, odd, upper));
  }
  for (; i < n; i++) y[i] = x[i] * mask(first + i);
}

}  // namespace truecast
