// GELU and its derivative on vectors, in the form with erf and in that with tanh.
#pragma once

#include "vector.h"

namespace truecast {

/** gelu(x) = x · gate; slope: its derivative. */
struct Gelu {
  Vector gate, slope;
};

/** Beyond, the gate is 0 or 1 and the slope as well; NaN stays. */
inline Vector withinGelu(Vector x) { return minimum(broadcast(16.0f), maximum(broadcast(-16.0f), x)); }

/**
 * Gate Φ(x), within 1e-7: around 0 ½ + x · p(x²); further out the tail ½ erfc = ½ exp(−x²/2) · q(1 / (1 + 0.4 |x|/√2)),
 * whose relative error is 2e-6. Both polynomials are least-maximum fits of the relative error.
 */
inline Gelu geluErf(Vector x) {
  const Vector z = withinGelu(x);
  const Vector squared = z * z;
  const Vector magnitude = select(z < 0.0f, -z, z);
  const Vector bell = exp(squared * -0.5f);
  const Vector t = 1.0f / (magnitude * 0.282842726f + 1.0f);
  Vector q = broadcast(-0.112394497f);
  q = q * t + 0.232526973f;
  q = q * t + 0.0211404506f;
  q = q * t + 0.205290884f;
  q = q * t + 0.201334938f;
  q = q * t + 0.226258352f;
  q = q * t + 0.225656852f;
  const Vector tail = bell * 0.5f * q * t;
  Vector p = broadcast(9.42362167e-5f);
  p = p * squared + -0.00116935594f;
  p = p * squared + 0.0099671986f;
  p = p * squared + -0.0664895847f;
  p = p * squared + 0.398942262f;
  const Vector outer = select(z < 0.0f, tail, 1.0f - tail);
  const Vector gate = select(magnitude < 1.0f, z * p + 0.5f, outer);
  return {gate, gate + z * bell * 0.398942280f};
}

/** Gate ½(1 + tanh u) = 1 / (1 + exp(−2u)), u = √(2/π) (x + 0.044715 x³). */
inline Gelu geluTanh(Vector x) {
  const Vector z = withinGelu(x);
  const Vector squared = z * z;
  const Vector gate = 1.0f / (1.0f + exp(z * (squared * -0.0713548163f + -1.59576912f)));
  const Vector inner = squared * 0.214064449f + 1.59576912f;
  return {gate, gate + z * gate * (1.0f - gate) * inner};
}

}  // namespace truecast
