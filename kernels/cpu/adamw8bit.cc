// TruecastAdamw8bit: one step over all tensors, whose moments are codes by blocks of 256.
// += parameters float32; m, v uint8; m_absmax, v_absmax float32
#include <memory>

#include "adamw.h"
#include "dynamicMap.h"

namespace truecast {
namespace {

constexpr int64_t BLOCK = 256;

void dequantize(const DynamicMap& map, const uint8_t* codes, float absmax, int64_t n, float* values) {
  for (int64_t i = 0; i < n; i++) values[i] = map.value(codes[i]) * absmax;
}

/** Returns the largest magnitude. */
float quantize(const DynamicMap& map, const float* values, int64_t n, uint8_t* codes) {
  float absmax = 0;
  for (int64_t i = 0; i < n; i++) absmax = std::fabs(values[i]) > absmax ? std::fabs(values[i]) : absmax;
  const float divisor = absmax == 0 ? 1.0f : absmax;
  for (int64_t i = 0; i < n; i++) codes[i] = map.nearest(values[i] / divisor);
  return absmax;
}

void adamw8bit(Context& context) {
  const std::vector<Tensor> parameters = listOf(context, 0), gradients = listOf(context, 1);
  const std::vector<Tensor> m = listOf(context, 2), v = listOf(context, 3);
  const std::vector<Tensor> mAbsmax = listOf(context, 4), vAbsmax = listOf(context, 5);
  const int after = 6 * static_cast<int>(parameters.size());
  const auto signedMap = std::make_unique<DynamicMap>(context.input(after));
  const auto unsignedMap = std::make_unique<DynamicMap>(context.input(after + 1));
  const Tensor step = context.input(after + 2);
  requireShapes(parameters, gradients, step);
  for (size_t i = 0; i < parameters.size(); i++) {
    const int64_t size = parameters[i].size(), blocks = (size + BLOCK - 1) / BLOCK;
    require(m[i].size() == size && v[i].size() == size, "m or v have another size than their parameter");
    require(mAbsmax[i].size() == blocks && vAbsmax[i].size() == blocks, "an absmax is not [blocks]");
  }
  const AdamwSettings settings(context);
  const auto* steps = reinterpret_cast<const AdamwStep*>(step.as<float>());
  const std::vector<Block> parts = blocksOf(parameters, 16 * BLOCK);
  context.parallel(static_cast<int64_t>(parts.size()), 20000, [&](int64_t begin, int64_t end) {
    float first[BLOCK], second[BLOCK];
    for (int64_t part = begin; part < end; part++) {
      const size_t i = parts[part].tensor;
      for (int64_t at = parts[part].begin; at < parts[part].end; at += BLOCK) {
        const int64_t n = std::min(BLOCK, parts[part].end - at), block = at / BLOCK;
        uint8_t *mCodes = m[i].as<uint8_t>() + at, *vCodes = v[i].as<uint8_t>() + at;
        float &mScale = mAbsmax[i].as<float>()[block], &vScale = vAbsmax[i].as<float>()[block];
        dequantize(*signedMap, mCodes, mScale, n, first);
        dequantize(*unsignedMap, vCodes, vScale, n, second);
        adamwElements(settings, steps[i], n, parameters[i].as<float>() + at, gradients[i].as<float>() + at,
                      first, second);
        mScale = quantize(*signedMap, first, n, mCodes);
        vScale = quantize(*unsignedMap, second, n, vCodes);
      }
    }
  });
  *context.output(0, {}, Type::int32).as<int32_t>() = 1;
}

const Kernel registration{"TruecastAdamw8bit", Device::cpu, adamw8bit};

}  // namespace
}  // namespace truecast
