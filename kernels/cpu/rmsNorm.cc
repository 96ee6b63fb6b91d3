// TruecastRmsNorm and its gradient. float32; =
// x, y, dy, dx, residual?: [N, D]; weight, dweight: [D]
#include <cmath>

#include "columnSums.h"

namespace truecast {
namespace {

float inverseRms(const float* x, int64_t D, float epsilon) {
  Vector squares{};
  eachVector(0, D, [&](int64_t i, auto lanes) {
    const Vector v = lanes.load(x + i);
    squares += v * v;
  });
  return 1.0f / std::sqrt(sum(squares) / static_cast<float>(D) + epsilon);
}

void rmsNorm(Context& context) {
  const Tensor x = context.input(0), weight = context.input(1), residual = context.input(2);
  const Tensor y = context.output(0, x.shape);
  const float epsilon = context.number("epsilon"), offset = context.number("offset");
  const int64_t D = x.dim(-1);
  require(weight.size() == D, "the weight has another width than x");
  require(residual.empty() || residual.shape == x.shape, "the residual has another shape than x");
  const float* w = weight.as<float>();
  const float* added = residual.empty() ? nullptr : residual.as<float>();
  context.parallel(x.rows(), 0.5 * D, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* source = x.as<float>() + row * D;
      float* target = y.as<float>() + row * D;
      const float r = inverseRms(source, D, epsilon);
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector normed = lanes.load(source + i) * r * (lanes.load(w + i) + offset);
        lanes.store(target + i, added ? normed + lanes.load(added + row * D + i) : normed);
      });
    }
  });
}

void rmsNormGrad(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1), weight = context.input(2);
  const Tensor dx = context.output(0, x.shape);
  const float epsilon = context.number("epsilon"), offset = context.number("offset");
  const bool weighted = context.flag("weight_gradient");
  const int64_t D = x.dim(-1);
  require(dy.shape == x.shape, "the gradient has another shape than x");
  require(weight.size() == D, "the weight has another width than x");
  const float* w = weight.as<float>();
  ColumnSums sums(context, x.rows(), D, weighted ? 1 : 0);
  sums.run(1.0 * D, [&](int64_t begin, int64_t end, float* dweight) {
    for (int64_t row = begin; row < end; row++) {
      const float* source = x.as<float>() + row * D;
      const float* given = dy.as<float>() + row * D;
      float* target = dx.as<float>() + row * D;
      const float r = inverseRms(source, D, epsilon);
      Vector along{};
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector d = lanes.load(given + i), normed = lanes.load(source + i) * r;
        along += d * (lanes.load(w + i) + offset) * normed;
        if (weighted) lanes.store(dweight + i, lanes.load(dweight + i) + d * normed);
      });
      const float mean = sum(along) / static_cast<float>(D);
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector dnormed = lanes.load(given + i) * (lanes.load(w + i) + offset);
        lanes.store(target + i, (dnormed - lanes.load(source + i) * r * mean) * r);
      });
    }
  });
  const Tensor dweight = context.output(1, {weighted ? D : 0});
  if (weighted) sums.write(0, dweight.as<float>());
}

const Kernel forward{"TruecastRmsNorm", Device::cpu, rmsNorm};
const Kernel backward{"TruecastRmsNormGrad", Device::cpu, rmsNormGrad};

}  // namespace
}  // namespace truecast
