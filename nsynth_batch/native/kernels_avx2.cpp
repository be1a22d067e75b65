// For x86 with AVX2 and FMA. 6 rows by 2 vectors: 12 of the 16 registers hold sums.
#include <immintrin.h>

#include "kernels_impl.hpp"

namespace nsynth {
namespace {

struct Avx2 {
  typedef float Vector __attribute__((vector_size(32)));
  typedef std::int32_t Integers __attribute__((vector_size(32)));
  static constexpr int kLanes = 8;
  static constexpr int kRows = 6;
  static Vector splat(float x) { return _mm256_set1_ps(x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace

const Kernels kAvx2 = make_kernels<Avx2>("avx2");

}  // namespace nsynth
