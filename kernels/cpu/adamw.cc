// TruecastAdamw: one step over all tensors. float32; += parameters, m, v
#include "adamw.h"

namespace truecast {
namespace {

void adamw(Context& context) {
  const std::vector<Tensor> parameters = listOf(context, 0), gradients = listOf(context, 1);
  const std::vector<Tensor> m = listOf(context, 2), v = listOf(context, 3);
  const Tensor step = context.input(4 * static_cast<int>(parameters.size()));
  requireShapes(parameters, gradients, step);
  for (size_t i = 0; i < parameters.size(); i++) {
    require(m[i].size() == parameters[i].size() && v[i].size() == parameters[i].size(),
            "m or v have another size than their parameter");
  }
  const AdamwSettings settings(context);
  const auto* steps = reinterpret_cast<const AdamwStep*>(step.as<float>());
  const std::vector<Block> blocks = blocksOf(parameters, 8192);
  context.parallel(static_cast<int64_t>(blocks.size()), 8000, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      const auto [i, from, to] = blocks[b];
      adamwElements(settings, steps[i], to - from, parameters[i].as<float>() + from,
                    gradients[i].as<float>() + from, m[i].as<float>() + from, v[i].as<float>() + from);
    }
  });
  *context.output(0, {}, Type::int32).as<int32_t>() = 1;
}

const Kernel registration{"TruecastAdamw", Device::cpu, adamw};

}  // namespace
}  // namespace truecast
