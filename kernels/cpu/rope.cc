// TruecastRope: y = x · cos + rotate(x) · sin by halves of the last axis. float32; =
#include "../op.h"

namespace truecast {

/** y = x · cos + (sign) partner · its sine: forward a·cos − b·sin, b·cos + a·sin; the gradient takes each sine of the other half. */
static void rotate(const float* __restrict x, const float* __restrict cos, const float* __restrict sin,
                   float* __restrict y, int64_t half, bool inverse) {
  if (inverse) {
    for (int64_t c = 0; c < half; c++) {
      y[c] = x[c] * cos[c] + x[half + c] * sin[half + c];
      y[half + c] = x[half + c] * cos[half + c] - x[c] * sin[c];
    }
  } else {
    for (int64_t c = 0; c < half; c++) {
      y[c] = x[c] * cos[c] - x[half + c] * sin[c];
      y[half + c] = x[half + c] * cos[half + c] + x[c] * sin[half + c];
    }
  }
}

static void rope(Context& context) {
  const Tensor x = context.input(0), cos = context.input(1), sin = context.input(2);
  require(x.rank() == 4 && x.dim(3) % 2 == 0, "x must be [B, T, H, d] with d even");
  const int64_t B = x.dim(0), T = x.dim(1), H = x.dim(2), d = x.dim(3);
  require(cos.rank() == 3 && cos.shape == sin.shape && (cos.dim(0) == B || cos.dim(0) == 1) && cos.dim(1) == T &&
              cos.dim(2) == d,
          "cos and sin must be [B, T, d] or [1, T, d]");
  const bool inverse = context.flag("inverse");
  const int64_t angles = cos.dim(0) == 1 ? T : B * T;
  const float *source = x.as<float>(), *cosines = cos.as<float>(), *sines = sin.as<float>();
  float* target = context.output(0, x.shape).as<float>();
  context.parallel(B * T, 0.3 * H * d, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t angle = row % angles * d;
      for (int64_t h = 0; h < H; h++) {
        const int64_t at = (row * H + h) * d;
        rotate(source + at, cosines + angle, sines + angle, target + at, d / 2, inverse);
      }
    }
  });
}

static const Kernel registration{"TruecastRope", Device::cpu, rope};

}  // namespace truecast
