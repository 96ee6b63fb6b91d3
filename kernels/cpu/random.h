// Counter-based random bits, the same as src/support/random.ts gives.
#pragma once

#include <cmath>
#include <cstdint>

namespace truecast {

inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}

inline uint32_t bitsAt(uint32_t key, uint32_t index) {
  return mix(mix(key ^ (index * 0x9e3779b1u)) + index * 0x85ebca77u);
}

/** A dropout mask: element i is kept, and multiplied by `kept`, where its 16 bits reach the threshold. */
struct DropoutMask {
  uint32_t key;
  uint32_t threshold;
  float kept;

  DropoutMask(int32_t key, float rate) : key(static_cast<uint32_t>(key)) {
    // the rate as it was written, 0.8 and not 0.800000012: 1 − rate would multiply the difference
    const double written = std::round(rate * 1e7) / 1e7;
    threshold = static_cast<uint32_t>(written * 65536.0 + 0.5);
    kept = static_cast<float>(1.0 / (1.0 - written));
  }

  /** One hash serves two elements. */
  float operator()(int64_t i) const {
    const uint32_t bits = bitsAt(key, static_cast<uint32_t>(i >> 1));
    return ((i & 1 ? bits >> 16 : bits & 0xffff) < threshold) ? 0.0f : kept;
  }
};

}  // namespace truecast
