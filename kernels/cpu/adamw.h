// What both forms of AdamW have in common.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "tensorList.h"

namespace truecast {

/** An attribute as it was written, 0.999 and not the float 0.999000013: 1 − β would multiply the difference. */
inline double asWritten(float x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", static_cast<double>(x));
  return std::strtod(text, nullptr);
}

struct AdamwSettings {
  float beta1, rest1, beta2, rest2, epsilon;
  explicit AdamwSettings(Context& context)
      : beta1(context.number("beta1")),
        rest1(static_cast<float>(1.0 - asWritten(beta1))),
        beta2(context.number("beta2")),
        rest2(static_cast<float>(1.0 - asWritten(beta2))),
        epsilon(context.number("epsilon")) {}
};

/** A tensor's four of the input `step`. */
struct AdamwStep {
  float size, correction, decay, clip;
};

/** p, m, v (+=) of n elements. */
inline void adamwElements(const AdamwSettings& s, const AdamwStep& step, int64_t n, float* __restrict p,
                          const float* __restrict g, float* __restrict m, float* __restrict v) {
  for (int64_t i = 0; i < n; i++) {
    const float gradient = g[i] * step.clip;
    const float first = m[i] * s.beta1 + gradient * s.rest1;
    const float second = v[i] * s.beta2 + gradient * gradient * s.rest2;
    m[i] = first;
    v[i] = second;
    p[i] = p[i] * step.decay - first / (std::sqrt(second) * step.correction + s.epsilon) * step.size;
  }
}

inline void requireShapes(const std::vector<Tensor>& parameters, const std::vector<Tensor>& gradients,
                          const Tensor& step) {
  for (size_t i = 0; i < parameters.size(); i++) {
    require(parameters[i].shape == gradients[i].shape, "a gradient has another shape than its parameter");
  }
  require(step.size() == 4 * static_cast<int64_t>(parameters.size()), "step is not [4 · n]");
}

}  // namespace truecast
