// For x86 with AVX-512 (F, BW, DQ, VL). 8 rows by 2 vectors: 16 of the 32 registers hold sums;
// more rows would want more pointers than there are general registers.
#include <immintrin.h>

#include "kernels_impl.hpp"

namespace nsynth {
namespace {

struct Avx512 {
  typedef float Vector __attribute__((vector_size(64)));
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  static constexpr int kLanes = 16;
  static constexpr int kRows = 8;
  static Vector splat(float x) { return _mm512_set1_ps(x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
};

}  // namespace

const Kernels kAvx512 = make_kernels<Avx512>("avx512");

}  // namespace nsynth
