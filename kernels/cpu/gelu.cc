// TruecastGelu, TruecastGeglu and their gradients, element by element. float32; =
#include "../op.h"
#include "elements.h"
#include "gelu.h"

namespace truecast {
namespace {

/** Calls visit(i, lanes, gelu at x) for each vector of x, by all threads. */
template <typename Visit>
void eachGelu(Context& context, const Tensor& x, Visit visit) {
  const bool tanh = context.flag("tanh");
  const float* source = x.as<float>();
  context.parallel(x.size(), 0.7, [&](int64_t begin, int64_t end) {
    if (tanh) {
      eachVector(begin, end, [&](int64_t i, auto lanes) { visit(i, lanes, geluTanh(lanes.load(source + i))); });
    } else {
      eachVector(begin, end, [&](int64_t i, auto lanes) { visit(i, lanes, geluErf(lanes.load(source + i))); });
    }
  });
}

void gelu(Context& context) {
  const Tensor x = context.input(0);
  const float* source = x.as<float>();
  float* y = context.output(0, x.shape).as<float>();
  eachGelu(context, x, [&](int64_t i, auto lanes, const Gelu& gelu) {
    lanes.store(y + i, lanes.load(source + i) * gelu.gate);
  });
}

void geluGrad(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1);
  require(dy.shape == x.shape, "the gradient has another shape than x");
  const float* given = dy.as<float>();
  float* dx = context.output(0, x.shape).as<float>();
  eachGelu(context, x, [&](int64_t i, auto lanes, const Gelu& gelu) {
    lanes.store(dx + i, lanes.load(given + i) * gelu.slope);
  });
}

void geglu(Context& context) {
  const Tensor gate = context.input(0), up = context.input(1);
  require(gate.shape == up.shape, "gate and up have different shapes");
  const float *g = gate.as<float>(), *u = up.as<float>();
  float* y = context.output(0, gate.shape).as<float>();
  eachGelu(context, gate, [&](int64_t i, auto lanes, const Gelu& gelu) {
    lanes.store(y + i, lanes.load(g + i) * gelu.gate * lanes.load(u + i));
  });
}

void gegluGrad(Context& context) {
  const Tensor dy = context.input(0), gate = context.input(1), up = context.input(2);
  require(gate.shape == up.shape && dy.shape == up.shape, "the gradient, gate and up have different shapes");
  const float *given = dy.as<float>(), *g = gate.as<float>(), *u = up.as<float>();
  float* dgate = context.output(0, gate.shape).as<float>();
  float* dup = context.output(1, gate.shape).as<float>();
  eachGelu(context, gate, [&](int64_t i, auto lanes, const Gelu& gelu) {
    const Vector d = lanes.load(given + i);
    lanes.store(dgate + i, d * lanes.load(u + i) * gelu.slope);
    lanes.store(dup + i, d * (lanes.load(g + i) * gelu.gate));
  });
}

const Kernel geluForward{"TruecastGelu", Device::cpu, gelu};
const Kernel geluBackward{"TruecastGeluGrad", Device::cpu, geluGrad};
const Kernel gegluForward{"TruecastGeglu", Device::cpu, geglu};
const Kernel gegluBackward{"TruecastGegluGrad", Device::cpu, gegluGrad};

}  // namespace
}  // namespace truecast
