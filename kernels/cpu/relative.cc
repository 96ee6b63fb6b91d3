#include "relative.h"

#include <algorithm>

#include "gemm.h"
#include "tiles.h"

namespace truecast {
namespace {

/** Tokens whose products with distances are made together: the shift between the first and last is wasted work. */
constexpr int GROUP = 16;
/** Distances of a group and a tile. */
constexpr int SPAN = MOST_TILE + GROUP;

int spanVectors(int count) { return vectorsOf(count + GROUP - 1); }

}  // namespace

RelativeTable::RelativeTable(Context& context, const Tensor& table, const Tensor& index, int64_t T, bool reversed,
                             bool withRows)
    : T_(T), reversed_(reversed) {
  if (table.empty()) return;
  require(index.shape == Shape({2 * T - 1}), "c2p and p2c must be [2T - 1]");
  index_ = index.as<int32_t>();
  R_ = table.dim(0);
  H_ = table.dim(1);
  d_ = table.dim(2);
  for (int64_t n = 0; n < places(); n++) {
    require(index_[n] >= 0 && index_[n] < R_, "a distance reads a row that the relative table lacks");
  }
  // an odd number of cache lines, so that the columns that one product reads don't share sets
  pitch_ = roundUp(MARGIN + places() + 2 * GROUP, 32) + 16;
  rowPitch_ = roundUp(d_, LANES);
  transposed_ = context.scratch({H_, headSize()}).as<float>();
  if (withRows) rows_ = context.scratch({H_, pitch_, rowPitch_}).as<float>();
  const float* source = table.as<float>();
  context.parallel(H_, 1.0 * d_ * pitch_, [&](int64_t begin, int64_t end) {
    std::vector<const float*> starts(places());
    for (int64_t h = begin; h < end; h++) {
      for (int64_t n = 0; n < places(); n++) starts[n] = source + (rowOf(n) * H_ + h) * d_;
      float* columns = transposed_ + h * headSize();
      std::fill(columns, columns + MARGIN, 0.0f);
      // each row's zeros go on to the end of the next one's margin
      transposePanel(columns + MARGIN, static_cast<int>(pitch_), starts.data(), static_cast<int>(places()),
                     static_cast<int>(d_));
      if (!withRows) continue;
      float* rows = rows_ + h * pitch_ * rowPitch_;
      std::fill(rows, rows + pitch_ * rowPitch_, 0.0f);
      for (int64_t n = 0; n < places(); n++) {
        std::copy(starts[n], starts[n] + d_, rows + (MARGIN + n) * rowPitch_);
      }
    }
  });
}

void RelativeTable::reduce(float* dTransposed, int64_t count, int64_t h, float* dTable) const {
  const int64_t size = gradientSize();
  for (int64_t i = 1; i < count; i++) {
    for (int64_t n = 0; n < size; n++) dTransposed[n] += dTransposed[i * size + n];
  }
  std::vector<const float*> columns(d_);
  for (int64_t c = 0; c < d_; c++) columns[c] = dTransposed + c * pitch_ + MARGIN;
  std::vector<float> byPlace(places() * d_);
  transposePanel(byPlace.data(), static_cast<int>(d_), columns.data(), static_cast<int>(d_),
                 static_cast<int>(places()));
  for (int64_t r = 0; r < R_; r++) std::fill_n(dTable + (r * H_ + h) * d_, d_, 0.0f);
  for (int64_t n = 0; n < places(); n++) {
    float* target = dTable + (rowOf(n) * H_ + h) * d_;
    for (int64_t c = 0; c < d_; c++) target[c] += byPlace[n * d_ + c];
  }
}

void RelativeTerms::add(float* tile, int64_t ld, const Side& rows, const Side& lanes, bool rowsAreQueries) {
  // what is beyond the span goes to lanes that nobody reads
  float products[GROUP * SPAN] = {};
  const int depth = static_cast<int>(d_);
  const RelativeTable& ofRows = rowsAreQueries ? keys_ : queries_;
  const RelativeTable& ofLanes = rowsAreQueries ? queries_ : keys_;
  if (ofRows.present()) {
    const int vectors = spanVectors(lanes.count), laneVectors = vectorsOf(lanes.count);
    for (int r = 0; r < rows.count; r += GROUP) {
      const int count = std::min(GROUP, rows.count - r);
      const float* right = ofRows.transposed(h_) + place(lanes.first, rows.first + r + GROUP - 1);
      multiply<Left::byRow>(count, vectors, depth, rows.vectors + r * rows.pitch, rows.pitch, right, ofRows.pitch(),
                            products, SPAN, false);
      for (int i = 0; i < count; i++) {
        const float* shifted = products + i * SPAN + GROUP - 1 - i;
        float* target = tile + (r + i) * ld;
        for (int v = 0; v < laneVectors; v++) {
          store(target + v * LANES, load(target + v * LANES) + load(shifted + v * LANES));
        }
      }
    }
  }
  if (ofLanes.present()) {
    float turned[MOST_TILE * GROUP];
    const int vectors = spanVectors(rows.count);
    for (int l = 0; l < lanes.count; l += GROUP) {
      const int count = std::min(GROUP, lanes.count - l);
      const float* right = ofLanes.transposed(h_) + place(rows.first, lanes.first + l + GROUP - 1);
      multiply<Left::byRow>(count, vectors, depth, lanes.vectors + l * lanes.pitch, lanes.pitch, right, ofLanes.pitch(),
                            products, SPAN, false);
      const float* shifted[GROUP];
      for (int i = 0; i < count; i++) shifted[i] = products + i * SPAN + GROUP - 1 - i;
      transposePanel(turned, GROUP, shifted, count, rows.count);
      const int laneVectors = vectorsOf(count);
      for (int r = 0; r < rows.count; r++) {
        float* target = tile + r * ld + l;
        for (int v = 0; v < laneVectors; v++) {
          store(target + v * LANES, load(target + v * LANES) + load(turned + r * GROUP + v * LANES));
        }
      }
    }
  }
}

void RelativeTerms::absorb(const float* dTile, int64_t ld, const Side& queries, const Side& keys, float* dq,
                           int64_t dqPitch, float* dk, int64_t dkPitch) {
  // slopes by place: a token's row begins one place after that of the token behind it, zeros around
  float slopes[GROUP * SPAN];
  const int depth = static_cast<int>(d_), width = vectorsOf(d_);
  const auto spread = [&](const RelativeTable& table, float* dTable, const Side& tokens, int first, int count,
                          int others, int64_t at, float* dTokens, int64_t pitch) {
    multiply<Left::byRow>(count, width, others + GROUP - 1, slopes, SPAN, table.rows(h_) + at * table.rowPitch(),
                          table.rowPitch(), dTokens + first * pitch, pitch, true);
    multiply<Left::byDepth>(depth, spanVectors(others), count, tokens.vectors + first * tokens.pitch, tokens.pitch,
                            slopes, SPAN, dTable + RelativeTable::MARGIN + at, table.pitch(), true);
  };
  if (keys_.present()) {
    for (int i = 0; i < queries.count; i += GROUP) {
      const int count = std::min(GROUP, queries.count - i);
      std::fill(slopes, slopes + count * SPAN, 0.0f);
      for (int r = 0; r < count; r++) {
        copyNumbers(slopes + r * SPAN + GROUP - 1 - r, dTile + (i + r) * ld, keys.count);
      }
      spread(keys_, dKeys_, queries, i, count, keys.count, place(keys.first, queries.first + i + GROUP - 1), dq,
             dqPitch);
    }
  }
  if (queries_.present()) {
    for (int j = 0; j < keys.count; j += GROUP) {
      const int count = std::min(GROUP, keys.count - j);
      const float* rows[MOST_TILE];
      for (int i = 0; i < queries.count; i++) rows[i] = dTile + i * ld + j;
      std::fill(slopes, slopes + count * SPAN, 0.0f);
      float turned[GROUP * MOST_TILE];
      transposePanel(turned, MOST_TILE, rows, queries.count, count);
      for (int r = 0; r < count; r++) {
        copyNumbers(slopes + r * SPAN + GROUP - 1 - r, turned + r * MOST_TILE, queries.count);
      }
      spread(queries_, dQueries_, keys, j, count, queries.count, place(queries.first, keys.first + j + GROUP - 1), dk,
             dkPitch);
    }
  }
}

}  // namespace truecast
