// Walks along float arrays in vectors, the last of which may be a part.
#pragma once

#include "vector.h"

namespace truecast {

/** A whole vector. */
struct Whole {
  Vector load(const float* p) const { return truecast::load(p); }
  void store(float* p, Vector v) const { truecast::store(p, v); }
  /** v where there are elements, 0 beyond. */
  Vector present(Vector v) const { return v; }
};

/** The first n elements of a vector. */
struct Part {
  int n;
  Vector load(const float* p) const { return loadPart(p, n); }
  void store(float* p, Vector v) const { storePart(p, v, n); }
  Vector present(Vector v) const {
    Vector kept{};
    std::memcpy(&kept, &v, n * sizeof(float));
    return kept;
  }
};

/** Calls visit(i, lanes) for each vector of [begin, end), which begins at i; lanes is Whole or Part. */
template <typename Visit>
inline void eachVector(int64_t begin, int64_t end, Visit visit) {
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES) visit(i, Whole{});
  if (i < end) visit(i, Part{static_cast<int>(end - i)});
}

}  // namespace truecast
