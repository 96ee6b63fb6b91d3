// TruecastLayerNorm and its gradient: of s = dropout(x) + residual, which never exists as a whole. float32; =
// x, y, dy, dx, residual?, dresidual?: [N, D]; weight, bias, dweight, dbias: [D]
#include <cmath>
#include <vector>

#include "columnSums.h"
#include "mask.h"

namespace truecast {
namespace {

struct Statistics {
  float mean, inverse;
};

Statistics statistics(const float* s, int64_t D, float epsilon) {
  Vector total{};
  eachVector(0, D, [&](int64_t i, auto lanes) { total += lanes.load(s + i); });
  const float mean = sum(total) / static_cast<float>(D);
  Vector squares{};
  eachVector(0, D, [&](int64_t i, auto lanes) {
    const Vector centred = lanes.present(lanes.load(s + i) - mean);
    squares += centred * centred;
  });
  return {mean, 1.0f / std::sqrt(sum(squares) / static_cast<float>(D) + epsilon)};
}

/** What is normalised: x, dropped out and added to as the inputs say. */
class Summed {
 public:
  Summed(Context& context, const Tensor& x, const Tensor& residual, const Tensor& key)
      : x_(x.as<float>()),
        residual_(residual.empty() ? nullptr : residual.as<float>()),
        D_(x.dim(-1)),
        dropped_(!key.empty()),
        mask_(dropped_ ? key.as<int32_t>()[0] : 0, context.number("rate")) {
    require(residual.empty() || residual.shape == x.shape, "the residual has another shape than x");
    require(dropped_ || context.number("rate") == 0, "dropout has a rate and no key");
  }

  /** Row `row` of it: in `buffer`, or where it is already. */
  const float* row(int64_t row, float* buffer) const {
    const float* x = x_ + row * D_;
    if (dropped_) applyMask(mask_, x, buffer, row * D_, D_);
    if (!residual_) return dropped_ ? buffer : x;
    const float* dropped = dropped_ ? buffer : x;
    const float* added = residual_ + row * D_;
    eachVector(0, D_, [&](int64_t i, auto lanes) {
      lanes.store(buffer + i, lanes.load(dropped + i) + lanes.load(added + i));
    });
    return buffer;
  }

  /** From the gradient of a row to that of x, which may be in the same place. */
  void backward(int64_t row, const float* ds, float* dx) const {
    if (dropped_) applyMask(mask_, ds, dx, row * D_, D_);
    else if (dx != ds) std::copy(ds, ds + D_, dx);
  }

 private:
  const float* x_;
  const float* residual_;
  const int64_t D_;
  const bool dropped_;
  const DropoutMask mask_;
};

void layerNorm(Context& context) {
  const Tensor x = context.input(0), weight = context.input(1), bias = context.input(2);
  const Summed summed(context, x, context.input(3), context.input(4));
  const Tensor y = context.output(0, x.shape);
  const float epsilon = context.number("epsilon");
  const int64_t D = x.dim(-1);
  require(weight.size() == D && bias.size() == D, "weight or bias have another width than x");
  const float *w = weight.as<float>(), *b = bias.as<float>();
  context.parallel(x.rows(), 1.0 * D, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* target = y.as<float>() + row * D;
      const float* s = summed.row(row, target);
      const Statistics of = statistics(s, D, epsilon);
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector normed = (lanes.load(s + i) - of.mean) * of.inverse;
        lanes.store(target + i, normed * lanes.load(w + i) + lanes.load(b + i));
      });
    }
  });
}

void layerNormGrad(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1), weight = context.input(2);
  const Tensor residual = context.input(3);
  const Summed summed(context, x, residual, context.input(4));
  const Tensor dx = context.output(0, x.shape);
  const Tensor dresidual = context.output(1, residual.shape);
  const float epsilon = context.number("epsilon");
  const bool weighted = context.flag("weight_gradient");
  const int64_t D = x.dim(-1);
  require(dy.shape == x.shape, "the gradient has another shape than x");
  require(weight.size() == D, "the weight has another width than x");
  const float* w = weight.as<float>();
  ColumnSums sums(context, x.rows(), D, weighted ? 2 : 0);
  sums.run(2.0 * D, [&](int64_t begin, int64_t end, float* dweight) {
    float* dbias = dweight + D;
    std::vector<float> buffer(D);
    for (int64_t row = begin; row < end; row++) {
      const float* given = dy.as<float>() + row * D;
      const float* s = summed.row(row, buffer.data());
      const Statistics of = statistics(s, D, epsilon);
      Vector total{}, along{};
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector d = lanes.load(given + i), dnormed = d * lanes.load(w + i);
        const Vector normed = (lanes.load(s + i) - of.mean) * of.inverse;
        total += dnormed;
        along += dnormed * normed;
        if (!weighted) return;
        lanes.store(dweight + i, lanes.load(dweight + i) + d * normed);
        lanes.store(dbias + i, lanes.load(dbias + i) + d);
      });
      const float mean = sum(total) / static_cast<float>(D), meanAlong = sum(along) / static_cast<float>(D);
      float* target = dx.as<float>() + row * D;
      float* ds = residual.empty() ? target : dresidual.as<float>() + row * D;
      eachVector(0, D, [&](int64_t i, auto lanes) {
        const Vector normed = (lanes.load(s + i) - of.mean) * of.inverse;
        const Vector dnormed = lanes.load(given + i) * lanes.load(w + i);
        lanes.store(ds + i, (dnormed - mean - normed * meanAlong) * of.inverse);
      });
      summed.backward(row, ds, target);
    }
  });
  const Tensor dweight = context.output(2, {weighted ? D : 0});
  const Tensor dbias = context.output(3, {weighted ? D : 0});
  if (!weighted) return;
  sums.write(0, dweight.as<float>());
  sums.write(1, dbias.as<float>());
}

const Kernel forward{"TruecastLayerNorm", Device::cpu, layerNorm};
const Kernel backward{"TruecastLayerNormGrad", Device::cpu, layerNormGrad};

}  // namespace
}  // namespace truecast
