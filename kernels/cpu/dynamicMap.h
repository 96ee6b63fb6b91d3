// Codes of a dynamic map of 8 bits, found without a search: what a number's sign, exponent and seven more bits say
// leaves two neighbours, which one comparison decides.
#pragma once

#include <cmath>
#include <cstring>

#include "../op.h"

namespace truecast {

class DynamicMap {
 public:
  /** `values`: [256], ascending, from at least −1 to 1, with 0. */
  explicit DynamicMap(const Tensor& values) {
    require(values.size() == 256, "a map of codes does not have 256 values");
    std::memcpy(values_, values.as<float>(), sizeof values_);
    for (int i = 0; i < 255; i++) middles_[i] = (values_[i] + values_[i + 1]) * 0.5f;
    middles_[255] = __builtin_inff();
    for (int sign = 0; sign < 2; sign++) {
      for (int cell = 0; cell < CELLS; cell++) fill(sign, cell);
    }
  }

  float value(uint8_t code) const { return values_[code]; }

  /** The code nearest to x in [−1, 1]; the lower one in the middle between two. */
  uint8_t nearest(float x) const {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const int32_t cell = static_cast<int32_t>((bits & 0x7fffffffu) >> 16) - FIRST;
    const int32_t lower = lowest_[bits >> 31][cell < 0 ? 0 : cell >= CELLS ? CELLS - 1 : cell];
    return static_cast<uint8_t>(lower + (x > middles_[lower]));
  }

 private:
  // cells from 2⁻²⁴, below which everything is nearest to 0, up to 1 itself
  static constexpr int32_t FIRST = (127 - 24) << 7;
  static constexpr int32_t CELLS = (24 << 7) + 1;

  static float edge(int32_t cell) {
    const uint32_t bits = static_cast<uint32_t>(cell + FIRST) << 16;
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }

  /** The lowest code that is nearest to something in the cell. */
  void fill(int sign, int cell) {
    const float inner = cell == 0 ? 0.0f : edge(cell), outer = edge(cell + 1);
    const float low = sign ? -outer : inner, high = sign ? -inner : outer;
    int code = 0;
    while (low > middles_[code]) code++;
    lowest_[sign][cell] = code;
    require(code == 255 || cell == CELLS - 1 || high <= middles_[code + 1], "a map of codes is denser than 8 bits");
  }

  float values_[256];
  float middles_[256];
  int32_t lowest_[2][CELLS];
};

}  // namespace truecast
