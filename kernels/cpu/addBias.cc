// TruecastAddBias: rows [N, D] += bias [D]. float32; +=
#include "../op.h"
#include "elements.h"

namespace truecast {

static void addBias(Context& context) {
  const Tensor rows = context.input(0), bias = context.input(1);
  const int64_t D = rows.dim(-1);
  require(bias.size() == D, "the bias has another width than the rows");
  const float* added = bias.as<float>();
  context.parallel(rows.rows(), 0.2 * D, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* target = rows.as<float>() + row * D;
      eachVector(0, D, [&](int64_t i, auto lanes) {
        lanes.store(target + i, lanes.load(target + i) + lanes.load(added + i));
      });
    }
  });
  *context.output(0, {}, Type::int32).as<int32_t>() = 1;
}

static const Kernel registration{"TruecastAddBias", Device::cpu, addBias};

}  // namespace truecast
