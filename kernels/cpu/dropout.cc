// TruecastDropout: y = x · mask / (1 − rate). float32; =
#include "../op.h"
#include "random.h"

namespace truecast {

static void dropout(Context& context) {
  const Tensor x = context.input(0);
  const DropoutMask mask(context.input(1).as<int32_t>()[0], context.number("rate"));
  const float* source = x.as<float>();
  float* target = context.output(0, x.shape).as<float>();
  context.parallel(x.size(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) target[i] = source[i] * mask(i);
  });
}

static const Kernel registration{"TruecastDropout", Device::cpu, dropout};

}  // namespace truecast
