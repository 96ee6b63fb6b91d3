// TruecastLinear:     y [N, out] = x Wᵀ + bias + scale · (x aᵀ) bᵀ, inner [N, r] = x aᵀ; =
// TruecastLinearGrad: dx [N, in] = dy W + scale · (dy b) a, da [r, in] = scale · (dy b)ᵀ x,
//                     db [out, r] = scale · dyᵀ inner; =
// float32; W in any format of weightRows.h. The adapter's products run as more depth of the main one.

#include <algorithm>

#include "dotProducts.h"
#include "vector.h"

namespace truecast {
namespace {

std::vector<float> scaled(const float* values, int64_t size, float scale) {
  std::vector<float> result(size);
  for (int64_t i = 0; i < size; i++) result[i] = values[i] * scale;
  return result;
}

/** y [M, N] = x Wᵀ + …, the way that suits the number of rows. */
void multiply(Context& context, int64_t M, int64_t N, const std::vector<DotProduct>& products,
              const float* bias, float* y) {
  if (M <= FEW_ROWS) return dotProducts(context, M, N, products, bias, y);
  std::vector<Product> packed;
  for (const DotProduct& product : products) {
    packed.push_back({product.depth, packRows(product.x, product.stride), packWeightRows(*product.weight)});
  }
  Output output{y, N};
  if (bias) {
    output.finish = [=](int64_t row, int64_t rows, int64_t column, int64_t columns) {
      for (int64_t i = row; i < row + rows; i++) {
        for (int64_t j = column; j < column + columns; j++) y[i * N + j] += bias[j];
      }
    };
  }
  gemm(context, M, N, packed, output);
}

void linear(Context& context) {
  const Tensor x = context.input(0), bias = context.input(2), a = context.input(7), b = context.input(8);
  require(x.rank() == 2, "x must be [N, in]");
  const int64_t M = x.dim(0), in = x.dim(1), out = context.integer("out");
  const StoredWeight stored{context.input(1), context.input(3), context.input(4), context.input(5),
                            context.input(6)};
  const auto weight = weightRows(context.text("format"), stored, out, in);
  require(bias.empty() || bias.size() == out, "the bias must be [out]");
  const float* biases = bias.empty() ? nullptr : bias.as<float>();
  float* y = context.output(0, {M, out}).as<float>();
  std::vector<DotProduct> products{{in, x.as<float>(), in, weight.get()}};
  if (a.empty()) {
    context.output(1, {0});
    return multiply(context, M, out, products, biases, y);
  }
  const int64_t rank = a.dim(0);
  require(a.dim(1) == in && b.rank() == 2 && b.dim(0) == out && b.dim(1) == rank,
          "a must be [r, in] and b [out, r]");
  float* inner = context.output(1, {M, rank}).as<float>();
  const auto down = floatRows(a.as<float>(), in), up = floatRows(b.as<float>(), rank);
  multiply(context, M, rank, {{in, x.as<float>(), in, down.get()}}, nullptr, inner);
  const std::vector<float> scaledInner = scaled(inner, M * rank, context.number("scale"));
  products.push_back({rank, scaledInner.data(), rank, up.get()});
  multiply(context, M, out, products, biases, y);
}

void linearGradient(Context& context) {
  const Tensor dy = context.input(0), x = context.input(1), a = context.input(7), b = context.input(8);
  const int64_t M = dy.dim(0), out = dy.dim(1), in = context.integer("in");
  const StoredWeight stored{context.input(2), context.input(3), context.input(4), context.input(5),
                            context.input(6)};
  const auto weight = weightRows(context.text("format"), stored, out, in);
  const bool adapted = !a.empty();
  const int64_t rank = adapted ? a.dim(0) : 0;
  const float scale = context.number("scale");
  const float* slopes = dy.as<float>();

  std::vector<float> inner(M * rank);
  if (adapted) {
    gemm(context, M, rank, {{out, packRows(slopes, out), packColumns(b.as<float>(), rank)}},
         {inner.data(), rank});
    for (float& value : inner) value *= scale;
  }
  if (context.flag("x_gradient")) {
    float* dx = context.output(0, {M, in}).as<float>();
    std::vector<Product> products{{out, packRows(slopes, out), packWeightColumns(*weight)}};
    if (adapted) products.push_back({rank, packRows(inner.data(), rank), packColumns(a.as<float>(), in)});
    gemm(context, M, in, products, {dx, in});
  } else {
    context.output(0, {0});
  }
  if (!adapted) {
    context.output(1, {0});
    context.output(2, {0});
    return;
  }
  require(x.rank() == 2 && x.dim(0) == M && x.dim(1) == in, "x must be [N, in]");
  float* da = context.output(1, {rank, in}).as<float>();
  gemm(context, rank, in, {{M, packColumns(inner.data(), rank), packColumns(x.as<float>(), in)}}, {da, in});
  const std::vector<float> kept = scaled(context.input(9).as<float>(), M * rank, scale);
  float* db = context.output(2, {out, rank}).as<float>();
  gemm(context, out, rank, {{M, packColumns(slopes, out), packColumns(kept.data(), rank)}}, {db, rank});
}

const Kernel forward{"TruecastLinear", Device::cpu, linear};
const Kernel backward{"TruecastLinearGrad", Device::cpu, linearGradient};

}  // namespace
}  // namespace truecast
