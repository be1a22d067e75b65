// For x86 with AVX-512 (F, BW, DQ, VL): instructions and tiles are in isa_avx512.hpp, products in
// kernels_impl.hpp and kernels_narrow.hpp.
#include "kernels/isa_avx512.hpp"
#include "kernels/kernels_narrow.hpp"

namespace nsynth {

const Kernels kAvx512 = make_kernels<Avx512>("avx512", make_narrow<Avx512, Bfloat16<Avx512>>(),
                                             make_narrow<Avx512, Int16<Avx512>>(),
                                             make_narrow<Avx512, Int8Widened<Avx512>>());

}  // namespace nsynth
