// For every processor: vectors of four, multiply and add apart.
#include "kernels_impl.hpp"

namespace nsynth {
namespace {

struct Portable {
  typedef float Vector __attribute__((vector_size(16)));
  typedef std::int32_t Integers __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kRows = 4;
  static Vector splat(float x) { return Vector{x, x, x, x}; }
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
};

}  // namespace

const Kernels kPortable = make_kernels<Portable>("portable");

}  // namespace nsynth
