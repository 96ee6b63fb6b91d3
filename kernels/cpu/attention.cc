// TruecastAttention and its gradient (see flash.h): float32; =
#include <algorithm>

#include "flash.h"
#include "tiles.h"

namespace truecast {
namespace {

constexpr int TILE = 64;

/** From inputs q, k, v, segments, positions, key at `at`. */
AttentionProblem problemOf(Context& context, int at, const Visibility& visibility) {
  const Tensor q = context.input(at), k = context.input(at + 1), v = context.input(at + 2);
  require(q.rank() == 4 && k.rank() == 4 && k.shape == v.shape, "q must be [B, T, H, d], k and v [B, S, G, d]");
  require(k.dim(0) == q.dim(0) && k.dim(3) == q.dim(3), "q, k and v differ in batch or width");
  require(k.dim(2) > 0 && q.dim(2) % k.dim(2) == 0, "query heads must be a multiple of key-value heads");
  require(context.input(at + 3).shape == Shape({k.dim(0), k.dim(1)}), "segments must be [B, S]");
  AttentionProblem problem{q.dim(0), q.dim(1), k.dim(1), q.dim(2), k.dim(2), q.dim(3), TILE, &visibility};
  problem.scale = context.number("scale");
  problem.cap = context.number("cap");
  problem.q = q.as<float>();
  problem.k = k.as<float>();
  problem.v = v.as<float>();
  const float rate = context.number("rate");
  if (rate > 0) problem.dropout.emplace(context.input(at + 5).as<int32_t>()[0], rate);
  return problem;
}

Visibility visibilityOf(Context& context, int at) {
  return Visibility(context.input(at + 3), context.input(at + 4), context.input(at).dim(1), context.flag("causal"),
                    context.integer("window"));
}

void forward(Context& context) {
  const Visibility visibility = visibilityOf(context, 0);
  const AttentionProblem p = problemOf(context, 0, visibility);
  float* y = context.output(0, context.input(0).shape).as<float>();
  float* lse = context.output(1, {p.B, p.H, p.T}).as<float>();
  if (p.T == 1 && !p.dropout) return attendOne(context, p, y, lse);
  // Many queries read keys and values once; where attention is causal, that would cost more beyond the diagonal.
  const int64_t width = context.flag("causal") ? TILE : MOST_TILE;
  const int64_t tiles = (p.T + width - 1) / width;
  const double cost = 0.04 * std::min(p.T, width) * p.S * p.d;
  context.parallel(p.B * p.H * tiles, cost, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      // the last tiles first: where attention is causal, they take longest
      const int64_t tile = tiles - 1 - unit / (p.B * p.H), head = unit % (p.B * p.H);
      const int count = static_cast<int>(std::min(width, p.T - tile * width));
      attendForward(p, head / p.H, head % p.H, tile * width, count, nullptr, y, lse);
    }
  });
}

/** Sums `count` blocks of `size` numbers, `stride` apart, in their order. */
void addBlocks(const float* blocks, int64_t count, int64_t stride, int64_t size, float* target) {
  std::copy(blocks, blocks + size, target);
  for (int64_t i = 1; i < count; i++) {
    for (int64_t c = 0; c < size; c++) target[c] += blocks[i * stride + c];
  }
}

void backward(Context& context) {
  const Visibility visibility = visibilityOf(context, 1);
  const AttentionProblem p = problemOf(context, 1, visibility);
  const Tensor dy = context.input(0), y = context.input(7), lse = context.input(8);
  require(dy.shape == context.input(1).shape && y.shape == dy.shape && lse.shape == Shape({p.B, p.H, p.T}),
          "dy and y must be shaped as q, lse [B, H, T]");
  float* dq = context.output(0, dy.shape).as<float>();
  float* dk = context.output(1, context.input(2).shape).as<float>();
  float* dv = context.output(2, context.input(2).shape).as<float>();
  const int64_t heads = p.B * p.H, queries = heads * p.T * p.d, keys = heads * p.S * p.d;
  // Of few heads, keys are split among threads, and each part gives a dq of its own; into how many parts depends on
  // shapes alone, so that sums do not on the number of threads.
  const int64_t tiles = (p.S + TILE - 1) / TILE;
  const int64_t parts = std::min(tiles, std::max<int64_t>(1, 16 / std::max<int64_t>(1, heads)));
  const int64_t partKeys = tiles == 0 ? 0 : (tiles + parts - 1) / parts * TILE;
  float* dqParts = parts == 1 ? dq : context.scratch({parts, queries}).as<float>();
  const bool grouped = p.G < p.H;
  float* dkHeads = grouped ? context.scratch({keys}).as<float>() : dk;
  float* dvHeads = grouped ? context.scratch({keys}).as<float>() : dv;

  context.parallel(heads * parts, 0.1 * p.T * partKeys * p.d, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t b = unit % heads / p.H, h = unit % p.H, part = unit / heads;
      const int64_t keyHead = (b * p.S * p.H + h) * p.d;
      const AttentionGradients gradients{dy.as<float>(),
                                         y.as<float>(),
                                         lse.as<float>(),
                                         dqParts + part * queries + p.queryAt(b, 0, h),
                                         p.H * p.d,
                                         dkHeads + keyHead,
                                         dvHeads + keyHead,
                                         p.H * p.d};
      attendBackward(p, b, h, std::min(p.S, part * partKeys), std::min(p.S, (part + 1) * partKeys), nullptr, gradients);
    }
  });
  if (parts > 1) {
    context.parallel(heads * p.T, 0.1 * parts * p.d, [&](int64_t begin, int64_t end) {
      addBlocks(dqParts + begin * p.d, parts, queries, (end - begin) * p.d, dq + begin * p.d);
    });
  }
  if (grouped) {
    const int64_t group = p.H / p.G;
    context.parallel(p.B * p.S * p.G, 0.2 * group * p.d, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        addBlocks(dkHeads + i * group * p.d, group, p.d, p.d, dk + i * p.d);
        addBlocks(dvHeads + i * group * p.d, group, p.d, p.d, dv + i * p.d);
      }
    });
  }
}

const Kernel forwardRegistration{"TruecastAttention", Device::cpu, forward};
const Kernel backwardRegistration{"TruecastAttentionGrad", Device::cpu, backward};

}  // namespace
}  // namespace truecast
