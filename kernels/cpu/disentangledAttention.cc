// TruecastDisentangledAttention and its gradient (see flash.h and relative.h): float32; =
#include <algorithm>

#include "flash.h"
#include "relative.h"
#include "tiles.h"

namespace truecast {
namespace {

/** Large: relative terms cost the same for a tile and the distances at its edges. */
constexpr int TILE = MOST_TILE;

/** From inputs q, k, v, relative_keys, relative_queries, c2p, p2c, segments, key at `at`. */
AttentionProblem problemOf(Context& context, int at, const Visibility& visibility) {
  const Tensor q = context.input(at), k = context.input(at + 1), v = context.input(at + 2);
  require(q.rank() == 4 && k.shape == q.shape && v.shape == q.shape, "q, k and v must be [B, T, H, d]");
  require(context.input(at + 7).shape == Shape({q.dim(0), q.dim(1)}), "segments must be [B, T]");
  for (int i : {at + 3, at + 4}) {
    const Tensor table = context.input(i);
    require(table.empty() || (table.rank() == 3 && table.dim(1) == q.dim(2) && table.dim(2) == q.dim(3)),
            "relative_keys and relative_queries must be [R, H, d]");
  }
  AttentionProblem problem{q.dim(0), q.dim(1), q.dim(1), q.dim(2), q.dim(2), q.dim(3), TILE, &visibility};
  problem.scale = context.number("scale");
  problem.q = q.as<float>();
  problem.k = k.as<float>();
  problem.v = v.as<float>();
  const float rate = context.number("rate");
  if (rate > 0) problem.dropout.emplace(context.input(at + 8).as<int32_t>()[0], rate);
  return problem;
}

Visibility visibilityOf(Context& context, int at) {
  return Visibility(context.input(at + 7), Tensor{}, context.input(at).dim(1), false, 0);
}

// Neighbours in a query's row of scores are keys, so its distances i − j fall: its table is the reversed one.
RelativeTable keyTable(Context& context, int at, int64_t T, bool withRows) {
  return RelativeTable(context, context.input(at + 3), context.input(at + 5), T, true, withRows);
}
RelativeTable queryTable(Context& context, int at, int64_t T, bool withRows) {
  return RelativeTable(context, context.input(at + 4), context.input(at + 6), T, false, withRows);
}

void forward(Context& context) {
  const Visibility visibility = visibilityOf(context, 0);
  const AttentionProblem p = problemOf(context, 0, visibility);
  const RelativeTable keys = keyTable(context, 0, p.T, false), queries = queryTable(context, 0, p.T, false);
  float* y = context.output(0, context.input(0).shape).as<float>();
  float* lse = context.output(1, {p.B, p.H, p.T}).as<float>();
  const int64_t tiles = (p.T + TILE - 1) / TILE;
  const double cost = 0.1 * std::min<int64_t>(p.T, TILE) * p.T * p.d;
  context.parallel(p.H * p.B * tiles, cost, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t h = unit / (p.B * tiles), b = unit / tiles % p.B, first = unit % tiles * TILE;
      RelativeTerms terms(keys, queries, p.T, h, p.d);
      attendForward(p, b, h, first, static_cast<int>(std::min<int64_t>(TILE, p.T - first)), &terms, y, lse);
    }
  });
}

void backward(Context& context) {
  const Visibility visibility = visibilityOf(context, 1);
  const AttentionProblem p = problemOf(context, 1, visibility);
  const RelativeTable keys = keyTable(context, 1, p.T, true), queries = queryTable(context, 1, p.T, true);
  const Tensor dy = context.input(0), y = context.input(10), lse = context.input(11);
  require(dy.shape == context.input(1).shape && y.shape == dy.shape && lse.shape == Shape({p.B, p.H, p.T}),
          "dy and y must be shaped as q, lse [B, H, T]");
  float* dq = context.output(0, dy.shape).as<float>();
  float* dk = context.output(1, dy.shape).as<float>();
  float* dv = context.output(2, dy.shape).as<float>();
  float* dKeyTable = context.output(3, context.input(4).shape).as<float>();
  float* dQueryTable = context.output(4, context.input(5).shape).as<float>();
  // Each head's batch goes in parts, which sum into tables of their own; their number depends on shapes alone, so that
  // sums do not on the number of threads.
  const int64_t parts = std::min(p.B, (64 + p.H - 1) / std::max<int64_t>(1, p.H));
  const auto slopesOf = [&](const RelativeTable& table) {
    return table.present() ? context.scratch({p.H, parts, table.gradientSize()}).as<float>() : nullptr;
  };
  float *dKeys = slopesOf(keys), *dQueries = slopesOf(queries);
  const auto partOf = [&](float* slopes, const RelativeTable& table, int64_t unit) {
    if (!slopes) return slopes;
    float* part = slopes + unit * table.gradientSize();
    std::fill(part, part + table.gradientSize(), 0.0f);
    return part;
  };

  context.parallel(p.H * parts, 0.3 * p.T * p.T * p.d * p.B / std::max<int64_t>(1, parts), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t h = unit / parts, part = unit % parts;
      RelativeTerms terms(keys, queries, p.T, h, p.d, partOf(dKeys, keys, unit), partOf(dQueries, queries, unit));
      for (int64_t b = part * p.B / parts; b < (part + 1) * p.B / parts; b++) {
        const int64_t at = p.queryAt(b, 0, h), stride = p.H * p.d;
        const AttentionGradients gradients{dy.as<float>(), y.as<float>(), lse.as<float>(), dq + at, stride,
                                           dk + at,        dv + at,       stride};
        attendBackward(p, b, h, 0, p.T, &terms, gradients);
      }
    }
  });
  context.parallel(p.H, 4.0 * parts * p.T * p.d, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; h++) {
      if (dKeys) keys.reduce(dKeys + h * parts * keys.gradientSize(), parts, h, dKeyTable);
      if (dQueries) queries.reduce(dQueries + h * parts * queries.gradientSize(), parts, h, dQueryTable);
    }
  });
}

const Kernel forwardRegistration{"TruecastDisentangledAttention", Device::cpu, forward};
const Kernel backwardRegistration{"TruecastDisentangledAttentionGrad", Device::cpu, backward};

}  // namespace
}  // namespace truecast
