// Small products within one thread: the left operand is read in place, number by number, the right one in vectors.
// What attention makes of a tile of queries and keys consists of these.
#pragma once

#include <cstdlib>

#include "vector.h"

namespace truecast {

/** Where element (row, k) of the left operand is. */
enum class Left {
  /** a[row · lda + k] */
  byRow,
  /** a[k · lda + row] */
  byDepth
};

/**
 * c[row][lane] = Σ over depth of left(row, k) · right[k · ldr + lane], or += with `add`; `vectors` · LANES lanes. Any
 * number of rows; lanes of right and c are read and written in whole vectors. The order of sums is always the same.
 */
template <Left LEFT>
void multiply(int rows, int vectors, int depth, const float* left, int64_t lda, const float* right, int64_t ldr,
              float* c, int64_t ldc, bool add);

inline int64_t roundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

inline int vectorsOf(int64_t lanes) { return static_cast<int>((lanes + LANES - 1) / LANES); }

/** Between rows of a tile's copy: whole vectors, and not a power of two, where rows would share cache sets. */
inline int64_t pitchOf(int64_t d) { return roundUp(d, LANES) + 16; }

/** Copies n numbers: short rows, for which a call of memcpy takes longer than the copying. */
inline void copyNumbers(float* target, const float* source, int64_t n) {
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) store(target + i, load(source + i));
  for (; i < n; i++) target[i] = source[i];
}

/** Copies rows of d numbers; up to the next vector, they end in zeros. */
inline void copyRows(float* target, int64_t pitch, const float* source, int64_t stride, int count, int64_t d) {
  const int64_t whole = roundUp(d, LANES);
  for (int i = 0; i < count; i++) {
    copyNumbers(target + i * pitch, source + i * stride, d);
    for (int64_t c = d; c < whole; c++) target[i * pitch + c] = 0;
  }
}

/** Asks for rows that are read soon: heads lie too far apart for the processor to guess. */
inline void prefetchRows(const float* source, int64_t stride, int count, int64_t d) {
  for (int i = 0; i < count; i++) {
    for (int64_t c = 0; c < d; c += 16) __builtin_prefetch(source + i * stride + c, 0, 2);
  }
}

/** Memory that a thread keeps from call to call. */
class Buffer {
 public:
  ~Buffer() { std::free(data_); }
  float* of(int64_t size) {
    if (size > size_) {
      std::free(data_);
      data_ = static_cast<float*>(std::aligned_alloc(64, roundUp(size * sizeof(float), 64)));
      size_ = size;
    }
    return data_;
  }

 private:
  float* data_ = nullptr;
  int64_t size_ = 0;
};

/** eˣ within two units in the last place for x up to 80; 0 below −87. What attention takes of scores. */
inline Vector expOfScore(Vector x) {
  const Vector least = broadcast(-87.0f);
  const Vector clamped = select(x < least, least, x);
  // adding 1.5 · 2²³ leaves the rounded exponent in the lowest bits
  const Vector shifted = clamped * 1.44269504f + 12582912.0f;
  const Vector n = shifted - 12582912.0f;
  const Vector r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  IntVector bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const IntVector exponent = (bits + (127 - 0x4b400000)) << 23;
  Vector power;
  std::memcpy(&power, &exponent, sizeof power);
  return select(x < least, Vector{}, p * power);
}

/** The sum of a vector's lanes, by halves. */
inline float fold(Vector v) {
#pragma GCC unroll 4
  for (int step = LANES / 2; step > 0; step /= 2) {
    IntVector other{};
    for (int i = 0; i < LANES; i++) other[i] = i ^ step;
    v += __builtin_shuffle(v, other);
  }
  return v[0];
}

/** Σ a·b over d numbers. */
inline float dot(const float* a, const float* b, int64_t d) {
  Vector sums[4] = {};
  int64_t c = 0;
  for (; c + 4 * LANES <= d; c += 4 * LANES) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) sums[i] += load(a + c + i * LANES) * load(b + c + i * LANES);
  }
  for (; c < d; c += LANES) {
    const int n = static_cast<int>(d - c < LANES ? d - c : LANES);
    sums[0] += loadPart(a + c, n) * loadPart(b + c, n);
  }
  return fold((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace truecast
