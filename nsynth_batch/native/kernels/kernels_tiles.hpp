// Products on tiles: registers of 16 rows by 64 bytes, and one instruction that multiplies two of
// them and adds to a third.
//
// Written over a type of tiles: the processor's, or a model of them that runs anywhere. The rows
// of the product lie in tiles of 16, zeros where there are fewer; a panel of 32 columns is two
// tiles wide, its weights lie in memory as the tiles want them.
#pragma once

#include "kernels/kernels_narrow.hpp"

namespace nsynth {

constexpr int kTileRows = 16, kTileBytes = 64, kTileSize = kTileRows * kTileBytes;

template <class Isa, class Tiles, class Format, class Ends>
struct TileMultiply {
  using M = Math<Isa>;
  using N = NarrowMath<Isa>;
  using V = typename M::V;
  using Bytes = const unsigned char*;
  static constexpr int kLanes = Isa::kLanes;
  static constexpr int kColumns = 2 * kLanes;
  static_assert(kLanes * sizeof(float) == kTileBytes);
  static constexpr int kPair = 2 * kTileRows;
  static constexpr int kLine = kColumns * static_cast<int>(sizeof(float));

  // Tiles 0 to 3 are sums, [rows][columns]; 4 and 5 are inputs, 6 and 7 weights.
  template <bool kTwo>
  static void clear(Tiles& tiles) {
    tiles.template zero<0>();
    tiles.template zero<1>();
    if constexpr (kTwo) {
      tiles.template zero<2>();
      tiles.template zero<3>();
    }
  }

  template <bool kTwo>
  static void accumulate(Tiles& tiles, Bytes inputs, long next_rows, Bytes weights, int count) {
    for (int k = 0; k < count; ++k, inputs += kTileSize, weights += 2 * kTileSize) {
      tiles.template load<4>(inputs, kTileBytes);
      tiles.template load<6>(weights, 2 * kTileBytes);
      tiles.template load<7>(weights + kTileBytes, 2 * kTileBytes);
      Format::template dot<0, 4, 6>(tiles);
      Format::template dot<1, 4, 7>(tiles);
      if constexpr (kTwo) {
        tiles.template load<5>(inputs + next_rows, kTileBytes);
        Format::template dot<2, 5, 6>(tiles);
        Format::template dot<3, 5, 7>(tiles);
      }
    }
  }

  template <bool kTwo>
  static void keep(Tiles& tiles, unsigned char* to) {
    tiles.template store<0>(to, kLine);
    tiles.template store<1>(to + kTileBytes, kLine);
    if constexpr (kTwo) {
      tiles.template store<2>(to + kTileRows * kLine, kLine);
      tiles.template store<3>(to + kTileRows * kLine + kTileBytes, kLine);
    }
  }

  // Adds the sums of one tap, or of all where they are floats, to what stands before them.
  static void finish(const Product& job, int tap, int row, int count, int panel, Bytes sums,
                     float* carried) {
    for (int r = 0; r < count; ++r) {
      V total[2];
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const int at = half * kLanes;
        const auto bits = N::load(sums + r * kLine + half * kTileBytes);
        float* const kept = carried + r * kColumns + at;
        const V before = tap == 0 || !Format::kExact
                             ? Ends::begin(job, row + r, panel * kColumns + at)
                             : M::load(kept);
        if constexpr (Format::kExact) {
          const float step = job.input_scales[static_cast<long>(tap) * job.rows + row + r];
          const float* const scales =
              job.scales + (static_cast<long>(panel) * job.taps + tap) * kColumns + at;
          total[half] = Isa::fma(N::to_float(bits), M::load(scales) * Isa::splat(step), before);
        } else {
          total[half] = before + N::as_floats(bits);
        }
        if (tap + 1 < job.taps) M::store(kept, total[half]);
      }
      if (tap + 1 == job.taps) Ends::end(job, row + r, panel * kColumns, total[0], total[1]);
    }
  }

  // One panel of up to 32 rows whose inputs are packed.
  template <bool kTwo>
  static void pair(Tiles& tiles, const Product& job, Bytes inputs, int row, int count, int panel) {
    alignas(64) unsigned char sums[kPair * kLine];
    alignas(64) float carried[kPair * kColumns];
    const int depth = job.depth * Format::kElement / kTileBytes;
    const long tap_bytes = static_cast<long>(depth) * kTileSize;
    Bytes weights = static_cast<Bytes>(job.weights) + panel * job.taps * 2 * tap_bytes;
    for (int tap = 0; tap < job.taps; ++tap) {
      if (Format::kExact || tap == 0) clear<kTwo>(tiles);
      accumulate<kTwo>(tiles, inputs + tap * tap_bytes, job.taps * tap_bytes,
                       weights + tap * 2 * tap_bytes, depth);
      if (!Format::kExact && tap + 1 < job.taps) continue;
      keep<kTwo>(tiles, sums);
      finish(job, tap, row, count, panel, sums, carried);
    }
  }

  // [rows of 16][tap][depth] tiles.
  static void pack(const Product& job, int begin, int count, unsigned char* to) {
    const int row_bytes = job.depth * Format::kElement;
    for (int first = 0; first < count; first += kTileRows)
      for (int tap = 0; tap < job.taps; ++tap, to += kTileRows * row_bytes)
        for (int r = 0; r < kTileRows; ++r) {
          const bool there = first + r < count;
          auto* from = static_cast<Bytes>(
              there ? job.input[static_cast<long>(tap) * job.rows + begin + first + r] : nullptr);
          for (int at = 0; at < row_bytes; at += kTileBytes) {
            unsigned char* const line = to + at * kTileRows + r * kTileBytes;
            if (there)
              std::memcpy(line, from + at, kTileBytes);
            else
              std::memset(line, 0, kTileBytes);
          }
        }
  }

  static void run(const Product& job) {
    Tiles tiles;
    auto* const packed = static_cast<unsigned char*>(job.scratch);
    const long rows_bytes = static_cast<long>(job.taps) * job.depth * Format::kElement;
    for (int begin = 0; begin < job.rows; begin += kScratchRows) {
      const int count = job.rows - begin < kScratchRows ? job.rows - begin : kScratchRows;
      pack(job, begin, count, packed);
      for (int panel = job.panel_begin; panel < job.panel_end; ++panel)
        for (int at = 0; at < count; at += kPair) {
          const int rows = count - at < kPair ? count - at : kPair;
          if (rows > kTileRows)
            pair<true>(tiles, job, packed + at * rows_bytes, begin + at, rows, panel);
          else
            pair<false>(tiles, job, packed + at * rows_bytes, begin + at, rows, panel);
        }
    }
  }
};

template <class Isa>
struct Bfloat16Tiles : Bfloat16<Isa> {
  template <int kSum, int kInput, int kWeights, class Tiles>
  static void dot(Tiles& tiles) {
    tiles.template dot_bfloat16<kSum, kInput, kWeights>();
  }
};

template <class Isa>
struct Int8Tiles : Integer<Isa, typename Isa::Bytes, kLevels8> {
  template <int kSum, int kInput, int kWeights, class Tiles>
  static void dot(Tiles& tiles) {
    tiles.template dot_int8<kSum, kInput, kWeights>();
  }
};

template <class Isa, class Tiles, class Format>
constexpr Narrow make_tiled() {
  return Narrow{Format::kElement,
                4 / Format::kElement,
                kTileBytes / Format::kElement,
                Format::kElement,
                Format::kGateStep,
                {&TileMultiply<Isa, Tiles, Format, Store<Isa>>::run,
                 &TileMultiply<Isa, Tiles, Format, NarrowGate<Isa, Format>>::run,
                 &TileMultiply<Isa, Tiles, Format, Add<Isa, false>>::run,
                 &TileMultiply<Isa, Tiles, Format, Add<Isa, true>>::run},
                &Format::round};
}

}  // namespace nsynth
