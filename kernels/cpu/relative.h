// The relative terms of disentangled attention: vectors of a tile's tokens times the rows that its distances read.
// Tables are laid out by distance first, so that a token's products with neighbouring distances are neighbours, and the
// row of a token's pairs begins one place earlier than that of the token before it: adding is a shift.
#pragma once

#include <vector>

#include "flash.h"

namespace truecast {

/** A table [R, H, d] by distance: place n has the row index[n] (or of 2T − 2 − n, reversed). */
class RelativeTable {
 public:
  RelativeTable(Context& context, const Tensor& table, const Tensor& index, int64_t T, bool reversed,
                bool withRows);

  bool present() const { return transposed_ != nullptr; }
  /** [d, pitch] of head h, place 0 at the pointer; a margin of zeros on both sides. */
  const float* transposed(int64_t h) const { return transposed_ + h * headSize() + MARGIN; }
  /** [places, rowPitch] of head h, place 0 at the pointer; margins likewise. */
  const float* rows(int64_t h) const { return rows_ + (h * pitch_ + MARGIN) * rowPitch_; }
  int64_t pitch() const { return pitch_; }
  int64_t rowPitch() const { return rowPitch_; }
  int64_t places() const { return 2 * T_ - 1; }
  /** Sums gradients by place, `count` arrays one after another (the first is overwritten), into the rows of head h. */
  void reduce(float* dTransposed, int64_t count, int64_t h, float* dTable) const;
  /** Of a gradient by place, [d, pitch]: place 0 at MARGIN. */
  int64_t gradientSize() const { return d_ * pitch_; }

  static constexpr int64_t MARGIN = 16;

 private:
  int64_t headSize() const { return d_ * pitch_ + 2 * MARGIN; }
  int64_t rowOf(int64_t place) const { return index_[reversed_ ? 2 * T_ - 2 - place : place]; }

  const int32_t* index_ = nullptr;
  int64_t T_ = 0, R_ = 0, H_ = 0, d_ = 0, pitch_ = 0, rowPitch_ = 0;
  bool reversed_ = false;
  float* transposed_ = nullptr;
  float* rows_ = nullptr;
};

/** Both terms of one head. */
class RelativeTerms : public Bias {
 public:
  /** Gradients by place [d, pitch] are added to; absent: only scores. */
  RelativeTerms(const RelativeTable& keys, const RelativeTable& queries, int64_t T, int64_t h, int64_t d,
                float* dKeys = nullptr, float* dQueries = nullptr)
      : keys_(keys), queries_(queries), T_(T), h_(h), d_(d), dKeys_(dKeys), dQueries_(dQueries) {}

  void add(float* tile, int64_t ld, const Side& rows, const Side& lanes, bool rowsAreQueries) override;
  void absorb(const float* dTile, int64_t ld, const Side& queries, const Side& keys, float* dq, int64_t dqPitch,
              float* dk, int64_t dkPitch) override;

 private:
  /** The place of token `last` of a group and the other side's first token. */
  int64_t place(int64_t first, int64_t last) const { return first - last + T_ - 1; }

  const RelativeTable &keys_, &queries_;
  int64_t T_, h_, d_;
  float *dKeys_, *dQueries_;
};

}  // namespace truecast
