// Sums over rows, for the gradients of weights that all rows share.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>

#include "../op.h"
#include "elements.h"

namespace truecast {

/**
 * Rows are cut into parts by their number alone; each part adds its rows up in order, and the parts' sums are added
 * in order: the bytes do not depend on the number of threads.
 */
class ColumnSums {
 public:
  /** `kinds` sums of [columns] each; 0 where none is asked for. */
  ColumnSums(Context& context, int64_t rows, int64_t columns, int kinds)
      : context_(context),
        rows_(rows),
        columns_(columns),
        kinds_(kinds),
        rowsPerPart_(std::max<int64_t>(16, (rows + 63) / 64)),
        parts_((rows + rowsPerPart_ - 1) / rowsPerPart_),
        sums_(context.scratch({parts_, kinds, columns})) {}

  /** Calls work(begin, end, sums) for the rows of each part, by all threads; sums: [kinds, columns], zeros. */
  void run(double costOfRow, const std::function<void(int64_t begin, int64_t end, float* sums)>& work) {
    const int64_t size = kinds_ * columns_;
    float* all = sums_.as<float>();
    context_.parallel(parts_, costOfRow * rowsPerPart_, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; part++) {
        float* sums = all + part * size;
        std::fill(sums, sums + size, 0.0f);
        work(part * rowsPerPart_, std::min(rows_, (part + 1) * rowsPerPart_), sums);
      }
    });
  }

  /** Writes the whole sum of one kind. */
  void write(int kind, float* target) const {
    const float* all = sums_.as<float>() + kind * columns_;
    eachVector(0, columns_, [&](int64_t i, auto lanes) {
      Vector total{};
      for (int64_t part = 0; part < parts_; part++) total += lanes.load(all + part * kinds_ * columns_ + i);
      lanes.store(target + i, total);
    });
  }

 private:
  Context& context_;
  const int64_t rows_, columns_;
  const int kinds_;
  const int64_t rowsPerPart_, parts_;
  const Tensor sums_;
};

}  // namespace truecast
