#include "weightRows.h"

#include <algorithm>

#include "vector.h"

namespace truecast {
namespace {

/** Of a panel that is packed: more than any width times depth in use. */
constexpr int PANEL_ROWS = 64;
constexpr int PANEL_DEPTH = 256;

class FloatRows : public WeightRows {
 public:
  FloatRows(const float* data, int64_t stride) : data_(data), stride_(stride) {}
  const float* read(int64_t row, int64_t k, int, float*) const override { return data_ + row * stride_ + k; }

 private:
  const float* data_;
  int64_t stride_;
};

class BFloat16Rows : public WeightRows {
 public:
  BFloat16Rows(const BFloat16* data, int64_t stride) : data_(data), stride_(stride) {}
  const float* read(int64_t row, int64_t k, int depth, float* buffer) const override {
    const BFloat16* source = data_ + row * stride_ + k;
    for (int i = 0; i < depth; i++) {
      const uint32_t bits = static_cast<uint32_t>(source[i].bits) << 16;
      std::memcpy(buffer + i, &bits, sizeof bits);
    }
    return buffer;
  }

 private:
  const BFloat16* data_;
  int64_t stride_;
};

class Int8Rows : public WeightRows {
 public:
  Int8Rows(const int8_t* data, const float* absmax, int64_t stride)
      : data_(data), absmax_(absmax), stride_(stride) {}
  const float* read(int64_t row, int64_t k, int depth, float* buffer) const override {
    const int8_t* source = data_ + row * stride_ + k;
    const float scale = absmax_[row];
    for (int i = 0; i < depth; i++) buffer[i] = static_cast<float>(source[i]) * scale;
    return buffer;
  }

 private:
  const int8_t* data_;
  const float* absmax_;
  int64_t stride_;
};

// Dettmers et al. 2023, appendix E, with bitsandbytes' figures
constexpr float CODES[16] = {
    -1.0f,           -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f,  0.16093020141124725f,  0.24611230194568634f,  0.33791524171829224f,
    0.44070982933044434f,  0.5626170039176941f,   0.7229568362236023f,   1.0f};

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef int32_t Ints16 __attribute__((vector_size(64)));

class Nf4Rows : public WeightRows {
 public:
  static constexpr int BLOCK = 64;
  static constexpr int NESTED_BLOCK = 256;

  Nf4Rows(const StoredWeight& stored, int64_t in)
      : bytes_(reinterpret_cast<const uint8_t*>(stored.weight.as<int32_t>())), in_(in) {
    if (stored.absmax.type == Type::float32) {
      absmax_ = stored.absmax.as<float>();
      return;
    }
    absmaxBytes_ = reinterpret_cast<const uint8_t*>(stored.absmax.as<int32_t>());
    code_ = stored.nestedCode.as<float>();
    nestedAbsmax_ = stored.nestedAbsmax.as<float>();
    offset_ = *stored.nestedOffset.as<float>();
  }

  const float* read(int64_t row, int64_t k, int depth, float* buffer) const override {
    const int64_t first = row * in_ + k;
    int i = 0;
    if (first % 16 == 0) {
      for (; i + 16 <= depth; i += 16) sixteen(first + i, buffer + i);
    }
    for (; i < depth; i++) {
      const int64_t at = first + i;
      const uint8_t byte = bytes_[at >> 1];
      buffer[i] = CODES[at & 1 ? byte & 15 : byte >> 4] * scale(at / BLOCK);
    }
    return buffer;
  }

 private:
  float scale(int64_t block) const {
    if (absmax_) return absmax_[block];
    return code_[absmaxBytes_[block]] * nestedAbsmax_[block / NESTED_BLOCK] + offset_;
  }

  /** Sixteen weights of one block: eight bytes, the first of two in the high half. */
  void sixteen(int64_t first, float* out) const {
    uint64_t packed;
    std::memcpy(&packed, bytes_ + (first >> 1), sizeof packed);
    const uint64_t mask = 0x0f0f0f0f0f0f0f0full;
    const uint64_t halves[2] = {(packed >> 4) & mask, packed & mask};
    Bytes16 split;
    std::memcpy(&split, halves, sizeof split);
    const Bytes16 order = {0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15};
    const Ints16 indices = __builtin_convertvector(__builtin_shuffle(split, order), Ints16);
    const Vector factor = broadcast(scale(first / BLOCK));
    for (int part = 0; part < 16; part += LANES) store(out + part, lookUp(indices, part) * factor);
  }

  static Vector lookUp(const Ints16& indices, int part) {
#if defined(__AVX512F__)
    (void)part;
    return __builtin_shuffle(load(CODES), indices);
#else
    IntVector some;
    std::memcpy(&some, reinterpret_cast<const int32_t*>(&indices) + part, sizeof some);
    Vector values;
    for (int i = 0; i < LANES; i++) values[i] = CODES[some[i]];
    return values;
#endif
  }

  const uint8_t* bytes_;
  int64_t in_;
  const float* absmax_ = nullptr;
  const uint8_t* absmaxBytes_ = nullptr;
  const float* code_ = nullptr;
  const float* nestedAbsmax_ = nullptr;
  float offset_ = 0;
};

}  // namespace

std::unique_ptr<WeightRows> floatRows(const float* data, int64_t stride) {
  return std::make_unique<FloatRows>(data, stride);
}

std::unique_ptr<WeightRows> weightRows(const std::string& format, const StoredWeight& stored, int64_t out,
                                       int64_t in) {
  if (format == "nf4") {
    const int64_t blocks = (out * in + Nf4Rows::BLOCK - 1) / Nf4Rows::BLOCK;
    require(stored.weight.size() * 8 >= out * in, "the packed weight is too small for its shape");
    const bool nested = stored.absmax.type == Type::int32;
    require(stored.absmax.size() * (nested ? 4 : 1) >= blocks, "there are fewer scales than blocks");
    if (nested) {
      require(stored.nestedCode.size() == 256 && stored.nestedOffset.size() == 1 &&
                  stored.nestedAbsmax.size() * Nf4Rows::NESTED_BLOCK >= blocks,
              "a part of the second quantisation is missing");
    }
    return std::make_unique<Nf4Rows>(stored, in);
  }
  require(stored.weight.rank() == 2 && stored.weight.dim(0) == out && stored.weight.dim(1) == in,
          "the weight has another shape than [out, in]");
  if (format == "float32") return floatRows(stored.weight.as<float>(), in);
  if (format == "bfloat16") return std::make_unique<BFloat16Rows>(stored.weight.as<BFloat16>(), in);
  require(format == "int8", "no such format of weights");
  require(stored.absmax.size() == out, "there must be a scale for each row");
  return std::make_unique<Int8Rows>(stored.weight.as<int8_t>(), stored.absmax.as<float>(), in);
}

Pack packWeightRows(const WeightRows& rows) {
  return [&rows](float* panel, int width, int64_t row, int count, int64_t k, int depth) {
    thread_local float space[PANEL_ROWS * PANEL_DEPTH];
    const float* starts[PANEL_ROWS];
    for (int i = 0; i < count; i++) starts[i] = rows.read(row + i, k, depth, space + i * PANEL_DEPTH);
    transposePanel(panel, width, starts, count, depth);
  };
}

Pack packWeightColumns(const WeightRows& rows) {
  return [&rows](float* panel, int width, int64_t column, int count, int64_t k, int depth) {
    float space[PANEL_ROWS];
    for (int i = 0; i < depth; i++) {
      float* target = panel + static_cast<int64_t>(i) * width;
      const float* source = rows.read(k + i, column, count, space);
      std::memcpy(target, source, count * sizeof(float));
      std::fill(target + count, target + width, 0.0f);
    }
  };
}

}  // namespace truecast
