// For x86 with AVX2 and FMA. 6 rows by 2 vectors: 12 of the 16 registers hold sums.
#include <immintrin.h>

#include "kernels/kernels_narrow.hpp"

namespace nsynth {
namespace {

struct Avx2 {
  typedef float Vector __attribute__((vector_size(32)));
  typedef std::int32_t Integers __attribute__((vector_size(32)));
  typedef std::uint32_t Unsigned __attribute__((vector_size(32)));
  typedef std::int16_t Shorts __attribute__((vector_size(16)));
  typedef std::int8_t Bytes __attribute__((vector_size(8)));
  static constexpr int kLanes = 8;
  static constexpr int kRows = 6;
  static Vector splat(float x) { return _mm256_set1_ps(x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Integers spread(std::int32_t x) { return (Integers)_mm256_set1_epi32(x); }
  // These two in words of their own: compilers put sums in memory where registers just suffice.
  static Vector accumulate(Vector sum, Vector x, Vector w) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
    return sum;
  }
  static Integers dot16(Integers sum, Integers x, Integers w) {
    Integers product;
    asm("vpmaddwd %2, %1, %0" : "=x"(product) : "x"(x), "x"(w));
    asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(product));
    return sum;
  }
  static Integers widen(const unsigned char* from) {
    return (Integers)_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
};

}  // namespace

const Kernels kAvx2 = make_kernels<Avx2>("avx2", make_narrow<Avx2, Bfloat16<Avx2>>(),
                                         make_narrow<Avx2, Int16<Avx2>>(),
                                         make_narrow<Avx2, Int8Widened<Avx2>>());

}  // namespace nsynth
