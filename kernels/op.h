// What a kernel sees of TensorFlow. Nothing here includes TensorFlow's headers: kernels compile in a second or
// two and run in tests without it. `tensorflow.cc` is the other side.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace truecast {

enum class Type { float32, int32, uint8, int8, bfloat16 };
enum class Device { cpu, gpu };

using Shape = std::vector<int64_t>;

/** What goes wrong in a kernel becomes TensorFlow's InvalidArgument, with the op's name before it. */
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require(bool condition, const char* what) {
  if (!condition) throw Failure(what);
}

template <typename T>
struct TypeOf;
template <>
struct TypeOf<float> {
  static constexpr Type value = Type::float32;
};
template <>
struct TypeOf<int32_t> {
  static constexpr Type value = Type::int32;
};
template <>
struct TypeOf<uint8_t> {
  static constexpr Type value = Type::uint8;
};
template <>
struct TypeOf<int8_t> {
  static constexpr Type value = Type::int8;
};
/** The upper half of a float32. */
struct BFloat16 {
  uint16_t bits;
};
template <>
struct TypeOf<BFloat16> {
  static constexpr Type value = Type::bfloat16;
};

/** A tensor's memory on the kernel's device. An optional input that is absent has no elements. */
struct Tensor {
  Type type = Type::float32;
  void* data = nullptr;
  Shape shape;

  int rank() const { return static_cast<int>(shape.size()); }
  /** Size of a dimension; −1 is the last. */
  int64_t dim(int i) const { return shape.at(i < 0 ? shape.size() + i : i); }
  int64_t size() const {
    int64_t product = 1;
    for (int64_t extent : shape) product *= extent;
    return product;
  }
  bool empty() const { return size() == 0; }
  /** Elements over all dimensions but the last. */
  int64_t rows() const { return empty() ? 0 : size() / dim(-1); }
  template <typename T>
  T* as() const {
    require(type == TypeOf<T>::value, "an input has another type than the kernel reads");
    return static_cast<T*>(data);
  }
};

/** One run of an op. */
class Context {
 public:
  virtual ~Context() = default;

  virtual int inputs() const = 0;
  virtual Tensor input(int i) = 0;
  /** Allocates output i; it holds whatever was there before. */
  virtual Tensor output(int i, const Shape& shape, Type type = Type::float32) = 0;
  /** Memory until the kernel returns (on a GPU: until what it launched is done). */
  virtual Tensor scratch(const Shape& shape, Type type = Type::float32) = 0;

  virtual int64_t integer(const char* attribute) const = 0;
  virtual float number(const char* attribute) const = 0;
  virtual bool flag(const char* attribute) const = 0;
  virtual std::string text(const char* attribute) const = 0;

  /** CPU: splits [0, n) among the threads. `cost`: about how many nanoseconds one of the n takes. */
  virtual void parallel(int64_t n, double cost, const std::function<void(int64_t begin, int64_t end)>& work) = 0;
  virtual int threads() const = 0;
  /** GPU: the CUstream that TensorFlow's own kernels of this device run on. */
  virtual void* stream() const = 0;
};

using Function = void (*)(Context&);

/** An op as TensorFlow registers it: `definitions.cc` has them all. */
struct Definition {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> attributes;
};

const std::vector<Definition>& definitions();

/** A kernel of an op on a device; made at namespace scope, it registers itself. */
struct Kernel {
  Kernel(const char* op, Device device, Function function);
  const char* op;
  Device device;
  Function function;
};

/** Calls `visit` for every kernel: now for those that have registered, later for those that will. */
void visitKernels(void (*visit)(const Kernel&));

}  // namespace truecast
