// Vectors of float32 in GCC's and Clang's extension, as wide as the processor compiled for, and the functions that
// kernels apply to them.
#pragma once

#include <cstdint>
#include <cstring>

namespace truecast {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef int32_t IntVector __attribute__((vector_size(LANES * 4)));

inline Vector broadcast(float x) { return Vector{} + x; }

inline Vector load(const float* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }

/** The first n of LANES; the others are 0. */
inline Vector loadPart(const float* p, int n) {
  Vector v{};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}

inline void storePart(float* p, Vector v, int n) { std::memcpy(p, &v, n * sizeof(float)); }

inline Vector select(IntVector condition, Vector yes, Vector no) { return condition ? yes : no; }
inline Vector maximum(Vector a, Vector b) { return select(a > b, a, b); }
inline Vector minimum(Vector a, Vector b) { return select(a < b, a, b); }

/** Halves are added to halves: the same order on every processor of a width. */
inline float sum(Vector v) {
#pragma GCC unroll 4
  for (int step = LANES / 2; step > 0; step /= 2) {
    IntVector order;
    for (int i = 0; i < LANES; i++) order[i] = i ^ step;
    v += __builtin_shuffle(v, order);
  }
  return v[0];
}

inline float largest(Vector v) {
  float best = v[0];
  for (int i = 1; i < LANES; i++) best = v[i] > best ? v[i] : best;
  return best;
}

/**
 * eˣ within 1.5 units in the last place: 2ⁿ times a polynomial on ±½ ln 2. 0 below −87.3 (no denormals), +inf above
 * 88.7, NaN where x is.
 */
inline Vector exp(Vector x) {
  const Vector clamped = minimum(maximum(x, broadcast(-87.33654f)), broadcast(88.72283f));
  const Vector scaled = clamped * 1.44269504f;
  // adding and subtracting 1.5 · 2²³ rounds to the nearest integer
  const Vector n = (scaled + 12582912.0f) - 12582912.0f;
  const Vector r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Vector p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // in two factors: 2¹²⁸ has no float of its own
  const IntVector exponent = __builtin_convertvector(n, IntVector);
  const IntVector half = exponent >> 1;
  const IntVector first = (half + 127) << 23, second = (exponent - half + 127) << 23;
  Vector a, b;
  std::memcpy(&a, &first, sizeof a);
  std::memcpy(&b, &second, sizeof b);
  const Vector result = p * a * b;
  const Vector infinity = broadcast(__builtin_inff());
  const Vector bounded = select(x > 88.72283f, infinity, select(x < -87.33654f, Vector{}, result));
  return select(x == x, bounded, x);
}

/** tanh by its exponential; near 0 by a polynomial, where that would cancel. */
inline Vector tanh(Vector x) {
  const Vector magnitude = select(x < 0.0f, -x, x);
  const Vector e = exp(magnitude * -2.0f);
  const Vector large = (1.0f - e) / (1.0f + e);
  const Vector squared = x * x;
  Vector p = broadcast(-5.70498872745e-3f);
  p = p * squared + 2.06390887954e-2f;
  p = p * squared + -5.37397155531e-2f;
  p = p * squared + 1.33314422036e-1f;
  p = p * squared + -3.33332819422e-1f;
  const Vector small = x + x * squared * p;
  const Vector folded = select(magnitude < 0.625f, small, select(x < 0.0f, -large, large));
  return select(x == x, folded, x);
}

}  // namespace truecast
