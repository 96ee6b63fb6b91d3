// The side of op.h that faces TensorFlow: registers every definition as an op and every kernel on its device, and
// shows a running OpKernelContext as a truecast::Context. The only file that includes TensorFlow's headers.

#include <map>
#include <memory>

#include "op.h"
#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/util/work_sharder.h"
#include "xla/stream_executor/stream.h"

namespace tf = tensorflow;

namespace truecast {
namespace {

tf::DataType typeOf(Type type) {
  switch (type) {
    case Type::float32: return tf::DT_FLOAT;
    case Type::int32: return tf::DT_INT32;
    case Type::uint8: return tf::DT_UINT8;
    case Type::int8: return tf::DT_INT8;
    case Type::bfloat16: return tf::DT_BFLOAT16;
  }
  return tf::DT_INVALID;
}

Type typeOf(tf::DataType type) {
  switch (type) {
    case tf::DT_FLOAT: return Type::float32;
    case tf::DT_INT32: return Type::int32;
    case tf::DT_UINT8: return Type::uint8;
    case tf::DT_INT8: return Type::int8;
    case tf::DT_BFLOAT16: return Type::bfloat16;
    default: throw Failure("a tensor of type " + tf::DataTypeString(type));
  }
}

Tensor viewOf(const tf::Tensor& tensor) {
  Tensor view;
  view.type = typeOf(tensor.dtype());
  view.data = tensor.data();
  for (const auto& dim : tensor.shape()) view.shape.push_back(dim.size);
  return view;
}

/** An op's attributes, read once when TensorFlow makes the kernel. */
struct Attributes {
  std::map<std::string, int64_t> integers;
  std::map<std::string, float> numbers;
  std::map<std::string, bool> flags;
  std::map<std::string, std::string> texts;

  void read(tf::OpKernelConstruction* construction, const Definition& definition) {
    for (const char* spec : definition.attributes) {
      const std::string text = spec;
      const auto colon = text.find(": ");
      const std::string name = text.substr(0, colon);
      const std::string type = text.substr(colon + 2);
      if (type == "int") OP_REQUIRES_OK(construction, construction->GetAttr(name, &integers[name]));
      if (type == "float") OP_REQUIRES_OK(construction, construction->GetAttr(name, &numbers[name]));
      if (type == "bool") OP_REQUIRES_OK(construction, construction->GetAttr(name, &flags[name]));
      if (type == "string") OP_REQUIRES_OK(construction, construction->GetAttr(name, &texts[name]));
    }
  }
};

class TensorflowContext : public Context {
 public:
  TensorflowContext(tf::OpKernelContext* context, const Attributes& attributes)
      : context_(context), attributes_(attributes) {}

  int inputs() const override { return context_->num_inputs(); }
  Tensor input(int i) override { return viewOf(context_->input(i)); }

  Tensor output(int i, const Shape& shape, Type type) override {
    tf::Tensor* tensor = nullptr;
    check(context_->allocate_output(i, tf::TensorShape(shape), &tensor));
    require(tensor->dtype() == typeOf(type), "an output has another type than its definition");
    return viewOf(*tensor);
  }

  Tensor scratch(const Shape& shape, Type type) override {
    tf::Tensor tensor;
    check(context_->allocate_temp(typeOf(type), tf::TensorShape(shape), &tensor));
    // TensorFlow's allocators hand memory out again in the order of the stream, so dropping it at return is safe
    temporaries_.push_back(tensor);
    return viewOf(tensor);
  }

  int64_t integer(const char* name) const override { return attributes_.integers.at(name); }
  float number(const char* name) const override { return attributes_.numbers.at(name); }
  bool flag(const char* name) const override { return attributes_.flags.at(name); }
  std::string text(const char* name) const override { return attributes_.texts.at(name); }

  void parallel(int64_t n, double cost, const std::function<void(int64_t, int64_t)>& work) override {
    if (n == 0) return;
    const auto& workers = *context_->device()->tensorflow_cpu_worker_threads();
    tf::Shard(workers.num_threads, workers.workers, n, static_cast<int64_t>(cost * 3), work);
  }

  int threads() const override { return context_->device()->tensorflow_cpu_worker_threads()->num_threads; }

  void* stream() const override {
    return context_->op_device_context()->stream()->platform_specific_handle().stream;
  }

 private:
  static void check(const absl::Status& status) {
    if (!status.ok()) throw status;
  }

  tf::OpKernelContext* context_;
  const Attributes& attributes_;
  std::vector<tf::Tensor> temporaries_;
};

class RegisteredKernel : public tf::OpKernel {
 public:
  RegisteredKernel(tf::OpKernelConstruction* construction, const Definition& definition, Function function)
      : OpKernel(construction), function_(function) {
    attributes_.read(construction, definition);
  }

  void Compute(tf::OpKernelContext* context) override {
    try {
      TensorflowContext view(context, attributes_);
      function_(view);
    } catch (const Failure& failure) {
      context->CtxFailure(absl::InvalidArgumentError(name() + ": " + failure.what()));
    } catch (const absl::Status& status) {
      context->CtxFailure(status);
    }
  }

 private:
  Function function_;
  Attributes attributes_;
};

class Factory : public tf::kernel_factory::OpKernelFactory {
 public:
  Factory(const Definition& definition, Function function) : definition_(definition), function_(function) {}
  tf::OpKernel* Create(tf::OpKernelConstruction* construction) override {
    return new RegisteredKernel(construction, definition_, function_);
  }

 private:
  const Definition& definition_;
  Function function_;
};

void registerOp(const Definition& definition) {
  tf::OpRegistry::Global()->Register([&definition](tf::OpRegistrationData* data) -> absl::Status {
    tf::OpDefBuilder builder(definition.name);
    for (const char* input : definition.inputs) builder.Input(input);
    for (const char* output : definition.outputs) builder.Output(output);
    for (const char* attribute : definition.attributes) builder.Attr(attribute);
    // ops run for what they do to their inputs, too
    builder.SetIsStateful();
    builder.SetShapeFn([](tf::shape_inference::InferenceContext* inference) {
      for (int i = 0; i < inference->num_outputs(); i++) inference->set_output(i, inference->UnknownShape());
      return absl::OkStatus();
    });
    return builder.Finalize(data);
  });
}

const Definition& definitionOf(const char* op) {
  for (const Definition& definition : definitions()) {
    if (std::string(definition.name) == op) return definition;
  }
  throw std::logic_error(std::string("no definition of op ") + op);
}

void registerKernel(const Kernel& kernel) {
  const char* device = kernel.device == Device::cpu ? tf::DEVICE_CPU : tf::DEVICE_GPU;
  const Definition& definition = definitionOf(kernel.op);
  tf::KernelDefBuilder builder(kernel.op);
  builder.Device(device);
  tf::kernel_factory::OpKernelRegistrar(builder.Build(), kernel.op,
                                        std::make_unique<Factory>(definition, kernel.function));
}

/** Constructors of the library's files run in no known order: kernels that come later are visited later. */
const bool registered = [] {
  for (const Definition& definition : definitions()) registerOp(definition);
  visitKernels(registerKernel);
  return true;
}();

}  // namespace
}  // namespace truecast
