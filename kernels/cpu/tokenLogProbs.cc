// TruecastTokenLogProbs: log_probs [N] = log softmax(cap(hidden Wᵀ))[target]; slope [N, D], the derivative of each
// row's log-probability by its hidden state: the target's row of W less the mean of W's rows under softmax. float32; =

#include <algorithm>
#include <cmath>

#include "vector.h"
#include "weightRows.h"

namespace truecast {
namespace {

/** Of logits that are alive at a time. */
constexpr int64_t BUDGET_BYTES = 64 << 20;

/** cap · tanh(x / cap) */
void softlyCap(float* row, int64_t V, float cap) {
  int64_t v = 0;
  for (; v + LANES <= V; v += LANES) store(row + v, tanh(load(row + v) / cap) * cap);
  if (v < V) storePart(row + v, tanh(loadPart(row + v, V - v) / cap) * cap, V - v);
}

float largestOf(const float* row, int64_t V) {
  Vector best = broadcast(-__builtin_inff());
  int64_t v = 0;
  for (; v + LANES <= V; v += LANES) best = maximum(load(row + v), best);
  float result = largest(best);
  for (; v < V; v++) result = std::max(result, row[v]);
  return result;
}

/** Σ exp(row − shift); with `keep` the row becomes its terms, times the cap's slope 1 − (logit / cap)². */
double exponentials(float* row, int64_t V, float shift, float cap, bool keep) {
  double total = 0;
  // partial sums in float32 stay short
  constexpr int64_t PART = 1 << 12;
  for (int64_t begin = 0; begin < V; begin += PART) {
    const int64_t end = std::min(V, begin + PART);
    Vector sums{};
    for (int64_t v = begin; v < end; v += LANES) {
      const int n = static_cast<int>(std::min<int64_t>(LANES, end - v));
      const Vector logits = n == LANES ? load(row + v) : loadPart(row + v, n);
      Vector terms = exp(logits - shift);
      if (n < LANES) {
        for (int i = n; i < LANES; i++) terms[i] = 0;
      }
      sums += terms;
      if (!keep) continue;
      if (cap > 0) {
        const Vector ratio = logits / cap;
        terms *= 1.0f - ratio * ratio;
      }
      if (n == LANES) store(row + v, terms);
      else storePart(row + v, terms, n);
    }
    total += sum(sums);
  }
  return total;
}

void tokenLogProbs(Context& context) {
  const Tensor hidden = context.input(0), weight = context.input(1), targets = context.input(3);
  require(hidden.rank() == 2 && weight.rank() == 2 && hidden.dim(1) == weight.dim(1),
          "hidden must be [N, D] and the weight [V, D]");
  const int64_t N = hidden.dim(0), D = hidden.dim(1), V = weight.dim(0);
  require(targets.size() == N, "there must be a target for each row");
  const float cap = context.number("cap");
  const bool withSlope = context.flag("with_slope");
  const char* format = weight.type == Type::float32 ? "float32" : weight.type == Type::int8 ? "int8" : "bfloat16";
  const auto rows = weightRows(format, {weight, context.input(2), {}, {}, {}}, V, D);
  const float* x = hidden.as<float>();
  const int32_t* target = targets.as<int32_t>();
  for (int64_t i = 0; i < N; i++) require(target[i] >= 0 && target[i] < V, "a target is no token");
  float* logProbs = context.output(0, {N}).as<float>();
  float* slope = context.output(1, withSlope ? Shape{N, D} : Shape{0}).as<float>();

  const int64_t chunk = std::clamp<int64_t>(BUDGET_BYTES / (V * sizeof(float)), 1, std::max<int64_t>(N, 1));
  float* logits = N > 0 ? context.scratch({chunk, V}, Type::float32).as<float>() : nullptr;
  std::vector<float> factor(chunk), ownSlope(chunk);
  for (int64_t begin = 0; begin < N; begin += chunk) {
    const int64_t size = std::min(chunk, N - begin);
    gemm(context, size, V, {{D, packRows(x + begin * D, D), packWeightRows(*rows)}}, {logits, V});
    context.parallel(size, V * 0.5, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; i++) {
        float* row = logits + i * V;
        if (cap > 0) softlyCap(row, V, cap);
        const float own = row[target[begin + i]];
        const float shift = largestOf(row, V);
        const double total = exponentials(row, V, shift, cap, withSlope);
        logProbs[begin + i] = static_cast<float>(own - shift - std::log(total));
        factor[i] = static_cast<float>(-1.0 / total);
        ownSlope[i] = cap > 0 ? 1 - (own / cap) * (own / cap) : 1;
      }
    });
    if (!withSlope) continue;
    float* slopes = slope + begin * D;
    Output output{slopes, D};
    output.finish = [&](int64_t row, int64_t count, int64_t column, int64_t columns) {
      std::vector<float> space(columns);
      for (int64_t i = row; i < row + count; i++) {
        const float* own = rows->read(target[begin + i], column, static_cast<int>(columns), space.data());
        float* result = slopes + i * D + column;
        for (int64_t j = 0; j < columns; j++) result[j] = result[j] * factor[i] + own[j] * ownSlope[i];
      }
    };
    gemm(context, size, D, {{V, packRows(logits, V), packWeightColumns(*rows)}}, output);
  }
}

const Kernel registration{"TruecastTokenLogProbs", Device::cpu, tokenLogProbs};

}  // namespace
}  // namespace truecast
