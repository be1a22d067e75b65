// For x86 with AMX: bfloat16 and int8 on tiles, the rest as AVX-512.
#include "kernels/isa_avx512.hpp"
#include "kernels/kernels_tiles.hpp"

namespace nsynth {
namespace {

// All eight tiles, 16 rows of 64 bytes each, while it lives. The thread's registers are given back
// afterwards: the system keeps 8 KB less for it.
class AmxTiles {
 public:
  AmxTiles() {
    struct alignas(64) {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = kTileBytes;
      config.rows[tile] = kTileRows;
    }
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~AmxTiles() { asm volatile("tilerelease"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  // The compiler's intrinsics want the number as a literal.
  template <int kTile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  void load(const unsigned char* from, long line) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(line), "i"(kTile) : "memory");
  }
  template <int kTile>
  void store(unsigned char* to, long line) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(line), "i"(kTile) : "memory");
  }
  template <int kSum, int kInput, int kWeights>
  void dot_bfloat16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kInput), "i"(kWeights));
  }
  template <int kSum, int kInput, int kWeights>
  void dot_int8() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kInput), "i"(kWeights));
  }
};

}  // namespace

const Kernels kAmx =
    make_kernels<Avx512>("amx", make_tiled<Avx512, AmxTiles, Bfloat16Tiles<Avx512>>(),
                         make_narrow<Avx512, Int16<Avx512>>(),
                         make_tiled<Avx512, AmxTiles, Int8Tiles<Avx512>>());

}  // namespace nsynth
