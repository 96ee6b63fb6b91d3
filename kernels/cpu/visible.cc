#include "visible.h"

#include <algorithm>

#include "tiles.h"

namespace truecast {
namespace {

Tokens tokensOf(const int32_t* segments, const int32_t* positions, int64_t B, int64_t S, int64_t first, bool causal,
                int32_t padding) {
  Tokens tokens;
  const int64_t count = S - first;
  tokens.pitch = roundUp(count, LANES);
  const size_t size = static_cast<size_t>(B * tokens.pitch);
  tokens.part.assign(size, padding);
  tokens.segment.assign(size, padding);
  tokens.shared.assign(size, 0);
  tokens.place.assign(size, 0);
  tokens.position.assign(size, 0);
  for (int64_t b = 0; b < B; b++) {
    for (int64_t i = 0; i < count; i++) {
      const int64_t at = b * tokens.pitch + i;
      const int64_t from = b * S + first + i;
      if (causal) tokens.place[at] = static_cast<int32_t>(first + i);
      if (positions) tokens.position[at] = positions[from];
      const int32_t segment = segments[from];
      if (segment < 0) continue;
      tokens.part[at] = segment / 3;
      tokens.segment[at] = segment;
      tokens.shared[at] = segment % 3 == 0 ? -1 : 0;
    }
  }
  return tokens;
}

}  // namespace

Visibility::Visibility(const Tensor& segments, const Tensor& positions, int64_t T, bool causal, int64_t window)
    : window_(window > 0 ? static_cast<int32_t>(std::min<int64_t>(window, INT32_MAX)) : INT32_MAX) {
  require(segments.rank() == 2 && segments.dim(1) >= T, "segments must be [B, S], of no fewer keys than queries");
  require(window <= 0 || positions.shape == segments.shape, "a window wants positions, shaped as segments");
  const int64_t B = segments.dim(0), S = segments.dim(1);
  const int32_t* at = window > 0 ? positions.as<int32_t>() : nullptr;
  queries_ = tokensOf(segments.as<int32_t>(), at, B, S, S - T, causal, -1);
  keys_ = tokensOf(segments.as<int32_t>(), at, B, S, 0, causal, -2);
}

Visibility::Summary Visibility::summarise(const Tokens& tokens, int64_t begin, int64_t end) {
  Summary summary;
  for (int64_t i = begin; i < end; i++) {
    if (tokens.part[i] < 0) {
      summary.padding = true;
      continue;
    }
    summary.real = true;
    (tokens.shared[i] ? summary.shared : summary.branched) = true;
    summary.leastSegment = std::min(summary.leastSegment, tokens.segment[i]);
    summary.mostSegment = std::max(summary.mostSegment, tokens.segment[i]);
    summary.leastPlace = std::min(summary.leastPlace, tokens.place[i]);
    summary.mostPlace = std::max(summary.mostPlace, tokens.place[i]);
    summary.leastPosition = std::min(summary.leastPosition, tokens.position[i]);
    summary.mostPosition = std::max(summary.mostPosition, tokens.position[i]);
  }
  return summary;
}

Sees Visibility::ofTiles(int64_t b, int64_t t, int64_t m, int64_t s, int64_t n) const {
  const int64_t firstKey = b * keys_.pitch + s, firstQuery = b * queries_.pitch + t;
  const Summary keys = summarise(keys_, firstKey, firstKey + n);
  const Summary queries = summarise(queries_, firstQuery, firstQuery + m);
  const auto within = [&](int64_t least, int64_t most) { return most - least < window_; };
  if (!keys.real || !queries.real || keys.leastPlace > queries.mostPlace) return Sees::none;
  if (keys.leastSegment / 3 > queries.mostSegment / 3 || keys.mostSegment / 3 < queries.leastSegment / 3) {
    return Sees::none;
  }
  if (!keys.shared &&
      (keys.leastSegment > queries.mostSegment || keys.mostSegment < queries.leastSegment)) {
    return Sees::none;
  }
  if (!within(keys.mostPosition, queries.leastPosition)) return Sees::none;

  if (keys.padding || queries.padding || keys.mostPlace > queries.leastPlace) return Sees::some;
  if (!within(keys.leastPosition, queries.mostPosition)) return Sees::some;
  const bool onePart = keys.leastSegment / 3 == queries.mostSegment / 3 &&
                       keys.mostSegment / 3 == queries.leastSegment / 3;
  const bool oneSegment = keys.leastSegment == queries.mostSegment && keys.mostSegment == queries.leastSegment;
  return oneSegment || (onePart && !keys.branched) ? Sees::all : Sees::some;
}

}  // namespace truecast
