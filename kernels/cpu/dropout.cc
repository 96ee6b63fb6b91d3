// TruecastDropout: y = x · mask / (1 − rate). float32; =
#include "../op.h"
#include "mask.h"

namespace truecast {

static void dropout(Context& context) {
  const Tensor x = context.input(0);
  const DropoutMask mask(context.input(1).as<int32_t>()[0], context.number("rate"));
  const float* source = x.as<float>();
  float* target = context.output(0, x.shape).as<float>();
  context.parallel(x.size(), 0.3, [&](int64_t begin, int64_t end) {
    applyMask(mask, source + begin, target + begin, begin, end - begin);
  });
}

static const Kernel registration{"TruecastDropout", Device::cpu, dropout};

}  // namespace truecast
