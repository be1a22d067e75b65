// Models of processors that tests may lack: the same kernels over vectors of 64 bytes that any
// compiler brings to any processor, and over tiles written down from their manual. Slow; built for
// tests alone.
#include <cmath>

#include "kernels/kernels_tiles.hpp"

namespace nsynth {
namespace {

struct WideModel {
  typedef float Vector __attribute__((vector_size(64)));
  typedef std::int32_t Integers __attribute__((vector_size(64)));
  typedef std::uint32_t Unsigned __attribute__((vector_size(64)));
  typedef std::int16_t Shorts __attribute__((vector_size(32)));
  typedef std::int8_t Bytes __attribute__((vector_size(16)));
  static constexpr int kLanes = 16;
  static constexpr int kRows = 3;  // fewer to compile: every sum is the same however many there are
  static Vector splat(float x) { return Vector{} + x; }
  static Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
  static Integers spread(std::int32_t x) { return Integers{} + x; }
  static Integers dot16(Integers sum, Integers x, Integers w) {
    return sum + (x << 16 >> 16) * (w << 16 >> 16) + (x >> 16) * (w >> 16);
  }
  static Integers dot8(Integers sum, Integers x, Integers w) {
    for (int shift = 24; shift >= 0; shift -= 8)
      sum += (Integers)((Unsigned)(x << shift) >> 24) * (w << shift >> 24);
    return sum;
  }
};

// Without the rounding modes and exceptions, which tiles ignore.
class TileModel {
 public:
  template <int kTile>
  void zero() {
    std::memset(tile_[kTile], 0, kTileSize);
  }
  template <int kTile>
  void load(const unsigned char* from, long line) {
    for (int r = 0; r < kTileRows; ++r) std::memcpy(tile_[kTile][r], from + r * line, kTileBytes);
  }
  template <int kTile>
  void store(unsigned char* to, long line) {
    for (int r = 0; r < kTileRows; ++r) std::memcpy(to + r * line, tile_[kTile][r], kTileBytes);
  }
  // TDPBF16PS: even and odd neighbours are summed apart, then both added to the sum; what is
  // smaller than a normal number is 0 on the way in and out.
  template <int kSum, int kInput, int kWeights>
  void dot_bfloat16() {
    for (int r = 0; r < kTileRows; ++r)
      for (int c = 0; c < kTileBytes / 4; ++c) {
        float apart[2] = {0.0f, 0.0f};
        for (int k = 0; k < kTileBytes / 4; ++k)
          for (int odd = 0; odd < 2; ++odd)
            apart[odd] = flush(std::fma(wide(tile_[kInput][r], 2 * k + odd),
                                        wide(tile_[kWeights][k], 2 * c + odd), apart[odd]));
        float sum;
        std::memcpy(&sum, tile_[kSum][r] + 4 * c, sizeof sum);
        sum = flush(flush(sum) + flush(apart[0] + apart[1]));
        std::memcpy(tile_[kSum][r] + 4 * c, &sum, sizeof sum);
      }
  }
  // TDPBSSD: four signed products of neighbours at a time.
  template <int kSum, int kInput, int kWeights>
  void dot_int8() {
    for (int r = 0; r < kTileRows; ++r)
      for (int c = 0; c < kTileBytes / 4; ++c) {
        std::uint32_t sum;
        std::memcpy(&sum, tile_[kSum][r] + 4 * c, sizeof sum);
        for (int k = 0; k < kTileBytes; ++k)
          sum += static_cast<std::uint32_t>(static_cast<std::int8_t>(tile_[kInput][r][k]) *
                                            static_cast<std::int8_t>(
                                                tile_[kWeights][k / 4][4 * c + k % 4]));
        std::memcpy(tile_[kSum][r] + 4 * c, &sum, sizeof sum);
      }
  }

 private:
  static float flush(float x) { return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x; }
  static float wide(const unsigned char* line, int at) {
    std::uint16_t bits;
    std::memcpy(&bits, line + 2 * at, sizeof bits);
    return flush(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
  }

  alignas(64) unsigned char tile_[8][kTileRows][kTileBytes] = {};
};

}  // namespace

const Kernels kAvx512Model = make_kernels<WideModel>(
    "avx512-model", make_narrow<WideModel, Bfloat16<WideModel>>(),
    make_narrow<WideModel, Int16<WideModel>>(), make_narrow<WideModel, Int8Dotted<WideModel>>());

const Kernels kAmxModel =
    make_kernels<WideModel>("amx-model", make_tiled<WideModel, TileModel, Bfloat16Tiles<WideModel>>(),
                            make_narrow<WideModel, Int16<WideModel>>(),
                            make_tiled<WideModel, TileModel, Int8Tiles<WideModel>>());

}  // namespace nsynth
