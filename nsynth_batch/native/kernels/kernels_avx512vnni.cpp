// For x86 with AVX-512 and VNNI, which multiplies and adds integers in one instruction. The sums
// are those of plain AVX-512, bit by bit.
#include "kernels/isa_avx512.hpp"
#include "kernels/kernels_narrow.hpp"

namespace nsynth {
namespace {

struct Vnni : Avx512 {
  static Integers dot16(Integers sum, Integers x, Integers w) {
    return (Integers)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
  }
  static Integers dot8(Integers sum, Integers x, Integers w) {
    return (Integers)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
  }
};

}  // namespace

const Kernels kAvx512Vnni =
    make_kernels<Vnni>("avx512", make_narrow<Vnni, Bfloat16<Vnni>>(),
                       make_narrow<Vnni, Int16<Vnni>>(), make_narrow<Vnni, Int8Dotted<Vnni>>());

}  // namespace nsynth
