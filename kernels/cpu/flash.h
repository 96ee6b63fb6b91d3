// Attention tile by tile (Dao et al. 2022): scores of a tile of queries and keys, their softmax on the way (or, going
// back, again from its logarithm), products with the values; no [T, S] anywhere. TruecastAttention and
// TruecastDisentangledAttention share it; the second adds its relative terms to every tile of scores.
#pragma once

#include <optional>

#include "random.h"
#include "visible.h"

namespace truecast {

struct AttentionProblem {
  int64_t B, T, S, H, G, d;
  /** Keys of a tile, and queries in the backward pass: a multiple of LANES, at most MOST_TILE. */
  int tile;
  const Visibility* visibility;
  float scale = 1;
  /** 0: none */
  float cap = 0;
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  std::optional<DropoutMask> dropout = {};

  int64_t queryAt(int64_t b, int64_t t, int64_t h) const { return ((b * T + t) * H + h) * d; }
  int64_t keyAt(int64_t b, int64_t s, int64_t h) const { return ((b * S + s) * G + h * G / H) * d; }
};

constexpr int MOST_TILE = 128;

/** Tokens of one side of a tile: their vectors, queries' or keys', as copied. */
struct Side {
  int64_t first;
  int count;
  const float* vectors;
  int64_t pitch;
};

/** Terms of the scores besides q·k, of one head. */
class Bias {
 public:
  virtual ~Bias() = default;
  /** tile[row · ld + lane] += the term; the rows are queries and the lanes keys, or the other way round. */
  virtual void add(float* tile, int64_t ld, const Side& rows, const Side& lanes, bool rowsAreQueries) = 0;
  /** From the gradient of a tile, queries by keys: += to dq [count, pitch] and dk, and to what the term is made of. */
  virtual void absorb(const float* dTile, int64_t ld, const Side& queries, const Side& keys, float* dq, int64_t dqPitch,
                      float* dk, int64_t dkPitch) = 0;
};

/** Queries [first, first + count) of head h: y (at its place in [B, T, H, d]) = and lse [B, H, T] =. */
void attendForward(const AttentionProblem& problem, int64_t b, int64_t h, int64_t first, int count, Bias* bias,
                   float* y, float* lse);

struct AttentionGradients {
  const float *dy, *y, *lse;
  /** [T rows], `dqStride` apart: of the keys gone through, = */
  float* dq;
  int64_t dqStride;
  /** [S rows], of this query head, = for the keys gone through */
  float *dk, *dv;
  int64_t dkStride;
};

/** Head h, keys [begin, end). */
void attendBackward(const AttentionProblem& problem, int64_t b, int64_t h, int64_t begin, int64_t end, Bias* bias,
                    const AttentionGradients& gradients);

/** One query per head and no dropout: y and lse from the products of key-value head g's queries, by chunks of keys. */
void attendOne(Context& context, const AttentionProblem& problem, float* y, float* lse);

}  // namespace truecast
