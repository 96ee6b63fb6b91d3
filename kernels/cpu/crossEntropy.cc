// TruecastCrossEntropy: loss []; dlogits [N, C], the gradient for a loss gradient of 1. float32; =
#include <algorithm>
#include <cmath>

#include "../op.h"
#include "elements.h"

namespace truecast {
namespace {

/** −log softmax(logits)[label] of one row; dlogits = (softmax − onehot) · scale. */
float crossEntropyRow(const float* logits, float* dlogits, int64_t C, int64_t label, float scale) {
  Vector highest = broadcast(logits[0]);
  eachVector(0, C / LANES * LANES, [&](int64_t i, auto lanes) { highest = maximum(highest, lanes.load(logits + i)); });
  float top = largest(highest);
  for (int64_t i = C / LANES * LANES; i < C; i++) top = logits[i] > top ? logits[i] : top;
  Vector totals{};
  eachVector(0, C, [&](int64_t i, auto lanes) {
    const Vector e = lanes.present(exp(lanes.load(logits + i) - top));
    lanes.store(dlogits + i, e);
    totals += e;
  });
  const float total = sum(totals);
  const float factor = scale / total;
  eachVector(0, C, [&](int64_t i, auto lanes) { lanes.store(dlogits + i, lanes.load(dlogits + i) * factor); });
  dlogits[label] -= scale;
  return std::log(total) - (logits[label] - top);
}

void crossEntropy(Context& context) {
  const Tensor logits = context.input(0), labels = context.input(1);
  const Tensor dlogits = context.output(1, logits.shape);
  const int64_t N = logits.dim(0), C = logits.dim(1);
  require(labels.size() == N, "there are not as many labels as rows of logits");
  const int32_t* label = labels.as<int32_t>();
  int64_t labelled = 0;
  for (int64_t row = 0; row < N; row++) {
    require(label[row] < C, "a label is beyond the logits' columns");
    labelled += label[row] >= 0;
  }
  const float scale = 1.0f / static_cast<float>(labelled > 0 ? labelled : 1);
  float* losses = context.scratch({N}).as<float>();
  context.parallel(N, 2.0 * C, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* target = dlogits.as<float>() + row * C;
      losses[row] = 0;
      if (label[row] < 0) std::fill(target, target + C, 0.0f);
      else losses[row] = crossEntropyRow(logits.as<float>() + row * C, target, C, label[row], scale);
    }
  });
  double total = 0;
  for (int64_t row = 0; row < N; row++) total += losses[row];
  *context.output(0, {}).as<float>() = static_cast<float>(total / static_cast<double>(labelled > 0 ? labelled : 1));
}

const Kernel registration{"TruecastCrossEntropy", Device::cpu, crossEntropy};

}  // namespace
}  // namespace truecast
