// Rows of a weight matrix in float32, out of whatever format they are stored in.
#pragma once

#include <memory>

#include "../op.h"
#include "gemm.h"

namespace truecast {

/** W [out, in]. */
class WeightRows {
 public:
  virtual ~WeightRows() = default;
  /** Elements [k, k + depth) of a row: where they are, or dequantised into `buffer`. */
  virtual const float* read(int64_t row, int64_t k, int depth, float* buffer) const = 0;
};

/** The inputs of an op that store a weight, as definitions.cc lists them; `in` is the length of a row. */
struct StoredWeight {
  Tensor weight;
  Tensor absmax;
  Tensor nestedCode;
  Tensor nestedAbsmax;
  Tensor nestedOffset;
};

/** Throws Failure where the parts do not fit the format or the shape. The tensors must outlive what is returned. */
std::unique_ptr<WeightRows> weightRows(const std::string& format, const StoredWeight& stored, int64_t out,
                                       int64_t in);

std::unique_ptr<WeightRows> floatRows(const float* data, int64_t stride);

/** For products whose columns are W's rows: x Wᵀ. */
Pack packWeightRows(const WeightRows& rows);

/** For products along W's rows: dy W. */
Pack packWeightColumns(const WeightRows& rows);

}  // namespace truecast
