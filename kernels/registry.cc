#include "op.h"

namespace truecast {
namespace {

struct Registry {
  std::vector<Kernel> kernels;
  void (*visit)(const Kernel&) = nullptr;
};

/** Made by whoever comes first: other files' constructors may run before this one's. */
Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

Kernel::Kernel(const char* op, Device device, Function function)
    : op(op), device(device), function(function) {
  registry().kernels.push_back(*this);
  if (registry().visit) registry().visit(*this);
}

void visitKernels(void (*visit)(const Kernel&)) {
  registry().visit = visit;
  for (const Kernel& kernel : registry().kernels) visit(kernel);
}

}  // namespace truecast
