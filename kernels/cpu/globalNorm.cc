// TruecastGlobalNorm: √Σ of the squares of all tensors' elements. float32, summed in float64 across blocks; =
#include <cmath>

#include "elements.h"
#include "tensorList.h"

namespace truecast {
namespace {

void globalNorm(Context& context) {
  const std::vector<Tensor> tensors = listOf(context, 0);
  const std::vector<Block> blocks = blocksOf(tensors, 8192);
  std::vector<float> sums(blocks.size());
  context.parallel(static_cast<int64_t>(blocks.size()), 2000, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      const float* x = tensors[blocks[b].tensor].as<float>();
      Vector squares{};
      eachVector(blocks[b].begin, blocks[b].end, [&](int64_t i, auto lanes) {
        const Vector v = lanes.load(x + i);
        squares += v * v;
      });
      sums[b] = sum(squares);
    }
  });
  double total = 0;
  for (float part : sums) total += part;
  *context.output(0, {}).as<float>() = static_cast<float>(std::sqrt(total));
}

const Kernel registration{"TruecastGlobalNorm", Device::cpu, globalNorm};

}  // namespace
}  // namespace truecast
