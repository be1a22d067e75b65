// AVX-512 (F, BW, DQ, VL), for the files that are compiled for it. 8 rows by 2 vectors: 16 of the
// 32 registers hold sums; more rows would want more pointers than there are general registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace nsynth {
namespace {

struct Avx512 {
  typedef float Vector __attribute__((vector_size(64)));
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  typedef std::uint32_t Unsigned __attribute__((vector_size(64)));
  typedef std::int16_t Shorts __attribute__((vector_size(32)));
  typedef std::int8_t Bytes __attribute__((vector_size(16)));
  static constexpr int kLanes = 16;
  static constexpr int kRows = 8;
  static Vector splat(float x) { return _mm512_set1_ps(x); }
  static Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Integers spread(std::int32_t x) { return (Integers)_mm512_set1_epi32(x); }
  static Integers dot16(Integers sum, Integers x, Integers w) {
    return sum + (Integers)_mm512_madd_epi16((__m512i)x, (__m512i)w);
  }
  static Integers widen(const unsigned char* from) {
    return (Integers)_mm512_cvtepi8_epi16(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
};

}  // namespace
}  // namespace nsynth
