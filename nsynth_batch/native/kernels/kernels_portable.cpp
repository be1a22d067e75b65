// For every processor: vectors of four, multiply and add apart.
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "kernels/kernels_narrow.hpp"

namespace nsynth {
namespace {

struct Portable {
  typedef float Vector __attribute__((vector_size(16)));
  typedef std::int32_t Integers __attribute__((vector_size(16)));
  typedef std::uint32_t Unsigned __attribute__((vector_size(16)));
  typedef std::int16_t Shorts __attribute__((vector_size(8)));
  typedef std::int8_t Bytes __attribute__((vector_size(4)));
  static constexpr int kLanes = 4;
  static constexpr int kRows = 4;
  static Vector splat(float x) { return Vector{x, x, x, x}; }
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
  static Integers spread(std::int32_t x) { return Integers{x, x, x, x}; }
  // Sums of the products of two neighbours of 16 bits each.
  static Integers dot16(Integers sum, Integers x, Integers w) {
#ifdef __SSE2__
    return sum + (Integers)_mm_madd_epi16((__m128i)x, (__m128i)w);
#else
    return sum + (x << 16 >> 16) * (w << 16 >> 16) + (x >> 16) * (w >> 16);
#endif
  }
  // Eight neighbours of 8 bits, each in 16.
  static Integers widen(const unsigned char* from) {
    typedef std::int8_t Narrowed __attribute__((vector_size(8)));
    typedef std::int16_t Wide __attribute__((vector_size(16)));
    Narrowed narrow;
    std::memcpy(&narrow, from, sizeof narrow);
    return (Integers)__builtin_convertvector(narrow, Wide);
  }
};

}  // namespace

const Kernels kPortable =
    make_kernels<Portable>("portable", make_narrow<Portable, Bfloat16<Portable>>(),
                           make_narrow<Portable, Int16<Portable>>(),
                           make_narrow<Portable, Int8Widened<Portable>>());

}  // namespace nsynth
