// Which keys a query sees, as TruecastAttention in definitions.cc says: token by token in vectors, and of whole tiles.
#pragma once

#include <vector>

#include "../op.h"
#include "vector.h"

namespace truecast {

/** What decides about tokens, one array each; a batch row's begin at b · pitch. Padding up to the pitch sees nothing. */
struct Tokens {
  int64_t pitch = 0;
  /** ⌊segment / 3⌋; of padding −1 in queries and −2 in keys, so that they never meet. */
  std::vector<int32_t> part;
  std::vector<int32_t> segment;
  /** −1 (all bits) where every branch sees it. */
  std::vector<int32_t> shared;
  /** Place in the row; 0 for all where attention is not causal. */
  std::vector<int32_t> place;
  /** 0 for all where there is no window. */
  std::vector<int32_t> position;
};

enum class Sees { none, some, all };

class Visibility {
 public:
  /** segments, positions: [B, S]; positions may be absent without a window; window 0: none. */
  Visibility(const Tensor& segments, const Tensor& positions, int64_t T, bool causal, int64_t window);

  const Tokens& queries() const { return queries_; }
  const Tokens& keys() const { return keys_; }
  int32_t window() const { return window_; }

  /** Of queries [t, t + m) and keys [s, s + n) of row b. `all` and `none` are certain, `some` may be either. */
  Sees ofTiles(int64_t b, int64_t t, int64_t m, int64_t s, int64_t n) const;

  /** All bits set where queries see keys. */
  static IntVector ofVectors(IntVector queryPart, IntVector querySegment, IntVector queryPlace,
                             IntVector queryPosition, IntVector keyPart, IntVector keySegment, IntVector keyShared,
                             IntVector keyPlace, IntVector keyPosition, int32_t window) {
    return (queryPart == keyPart) & ((querySegment == keySegment) | keyShared) & (keyPlace <= queryPlace) &
           (queryPosition - keyPosition < window);
  }

 private:
  struct Summary {
    bool padding = false, real = false, shared = false, branched = false;
    int32_t leastSegment = INT32_MAX, mostSegment = INT32_MIN;
    int32_t leastPlace = INT32_MAX, mostPlace = INT32_MIN;
    int32_t leastPosition = INT32_MAX, mostPosition = INT32_MIN;
  };
  static Summary summarise(const Tokens& tokens, int64_t begin, int64_t end);

  Tokens queries_, keys_;
  int32_t window_;
};

inline IntVector loadInts(const int32_t* p) {
  IntVector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline IntVector everywhere(int32_t x) { return IntVector{} + x; }

}  // namespace truecast
