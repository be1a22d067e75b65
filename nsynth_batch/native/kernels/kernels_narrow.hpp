// Products of narrow weights and inputs, written once over vector types like kernels_impl.hpp.
//
// An input's channels of one group are spread over a vector and multiplied with a vector of as many
// columns as there are floats in it, each with the weights of that group.
#pragma once

#include <cfloat>
#include <cstddef>

#include "kernels/kernels_impl.hpp"
#include "kernels/precision.hpp"

namespace nsynth {

template <class Isa>
struct NarrowMath {
  using M = Math<Isa>;
  using V = typename Isa::Vector;
  using I = typename Isa::Integers;
  using U = typename Isa::Unsigned;

  static I load(const unsigned char* from) {
    I x;
    std::memcpy(&x, from, sizeof x);
    return x;
  }
  static I spread(const unsigned char* group) {
    std::int32_t x;
    std::memcpy(&x, group, sizeof x);
    return Isa::spread(x);
  }
  static V as_floats(I bits) {
    V x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  }
  static I as_integers(V x) {
    I bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
  }
  static V to_float(I x) { return __builtin_convertvector(x, V); }
  // To the nearest whole number, ties to even, of |x| < 2^22.
  static I nearest(V x) {
    const V rounder = Isa::splat(kRounder);
    return as_integers(x + rounder) - as_integers(rounder);
  }
};

template <class Narrowed, class I>
static inline void store_narrowed(void* to, I x) {
  const Narrowed narrowed = __builtin_convertvector(x, Narrowed);
  std::memcpy(to, &narrowed, sizeof narrowed);
}

// The formats. A sum of one that is exact is a sum of integers, and becomes a float tap by tap.
template <class Isa>
struct Bfloat16 {
  using N = NarrowMath<Isa>;
  using V = typename N::V;
  using I = typename N::I;
  using U = typename N::U;
  using Sum = V;
  static constexpr bool kExact = false;
  static constexpr int kElement = 2, kGroup = 2, kWeight = 2, kParts = 2;
  // Inputs are made floats again once for all panels.
  static constexpr int kScratch = 4, kInput = 8;
  static constexpr float kGateStep = 1.0f;

  // Even channels first, then odd ones: a bfloat16 is the upper half of a float.
  static V weight(const unsigned char* from, int part) {
    const I pairs = N::load(from);
    return N::as_floats(part == 0 ? pairs << 16
                                  : pairs & static_cast<std::int32_t>(0xFFFF0000u));
  }
  static V input(const unsigned char* from, int part) {
    float x;
    std::memcpy(&x, from + 4 * part, sizeof x);
    return Isa::splat(x);
  }
  static void pack(const unsigned char* from, int channels, unsigned char* to) {
    for (int c = 0; c < channels; c += Isa::kLanes) {
      typename Isa::Shorts narrow;
      std::memcpy(&narrow, from + 2 * c, sizeof narrow);
      const I wide = __builtin_convertvector(narrow, I) << 16;
      std::memcpy(to + 4 * c, &wide, sizeof wide);
    }
  }
  static V dot(V sum, V x, V w) {
    if constexpr (requires { Isa::accumulate(sum, x, w); })
      return Isa::accumulate(sum, x, w);
    else
      return Isa::fma(x, w, sum);
  }

  static void store(void* to, V x) {
    U bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    store_narrowed<typename Isa::Shorts>(to, bits);
  }
  static void store_gate(void* to, V x) { store(to, x); }
  static void round(const float* from, int channels, void* to, float*) {
    auto* at = static_cast<unsigned char*>(to);
    for (int c = 0; c < channels; c += Isa::kLanes)
      store(at + c * kElement, Math<Isa>::load(from + c));
  }
};

// What int16 and int8 share.
template <class Isa, class Stored, int kLevels>
struct Integer {
  using N = NarrowMath<Isa>;
  using V = typename N::V;
  using I = typename N::I;
  using Sum = I;
  static constexpr bool kExact = true;
  static constexpr int kElement = sizeof(Stored) / Isa::kLanes, kParts = 1, kInput = 4;
  static constexpr float kGateStep = 1.0f / kLevels;

  static void store_gate(void* to, V x) {
    store_narrowed<Stored>(to, N::nearest(x * Isa::splat(kLevels)));
  }
  // A row that holds a value that is not finite has a scale that is not.
  static void round(const float* from, int channels, void* to, float* scale) {
    // The bits of absolute values are ordered as these are, NaN above all.
    I most{};
    for (int c = 0; c < channels; c += Isa::kLanes) {
      const I bits = N::as_integers(Math<Isa>::load(from + c)) & 0x7FFFFFFF;
      most = bits > most ? bits : most;
    }
    alignas(64) float lane[Isa::kLanes];
    Math<Isa>::store(lane, N::as_floats(most));
    float largest = lane[0];
    for (int i = 1; i < Isa::kLanes; ++i)
      largest = lane[i] <= largest || largest != largest ? largest : lane[i];
    // So small a row is nothing, and 1 / largest might be infinite.
    const bool usual = largest > 1e-30f && largest <= FLT_MAX;
    const V inverse = Isa::splat(usual ? kLevels / largest : 0.0f);
    *scale = largest / kLevels;
    auto* at = static_cast<unsigned char*>(to);
    for (int c = 0; c < channels; c += Isa::kLanes)
      store_narrowed<Stored>(at + c * kElement,
                             N::nearest(Math<Isa>::load(from + c) * inverse));
  }
};

// Products on lanes of 16 bits, two of them to a sum.
template <class Isa, class Stored, int kLevels>
struct On16Bits : Integer<Isa, Stored, kLevels> {
  using N = NarrowMath<Isa>;
  using I = typename N::I;
  static constexpr int kGroup = 2;
  static I input(const unsigned char* from, int) { return N::spread(from); }
  static I dot(I sum, I x, I w) { return Isa::dot16(sum, x, w); }
  static I begin(const Product&, long) { return I{}; }
};

template <class Isa>
struct Int16 : On16Bits<Isa, typename Isa::Shorts, kLevels16> {
  using N = NarrowMath<Isa>;
  static constexpr int kWeight = 2, kScratch = 0;
  static typename N::I weight(const unsigned char* from, int) { return N::load(from); }
};

// Eight bits in memory, sixteen in the product.
template <class Isa>
struct Int8Widened : On16Bits<Isa, typename Isa::Bytes, kLevels8> {
  using I = typename NarrowMath<Isa>::I;
  static constexpr int kWeight = 1, kScratch = 2;
  static I weight(const unsigned char* from, int) { return Isa::widen(from); }
  // Of so many channels, a multiple of 2 * lanes or the last ones of a row that goes on.
  static void pack(const unsigned char* from, int channels, unsigned char* to) {
    for (int c = 0; c < channels; c += 2 * Isa::kLanes) {
      const I wide = Isa::widen(from + c);
      std::memcpy(to + 2 * c, &wide, sizeof wide);
    }
  }
};

// For processors that multiply unsigned with signed bytes and sum four such products: inputs are
// made unsigned by adding 128, which `offsets` takes off again.
template <class Isa>
struct Int8Dotted : Integer<Isa, typename Isa::Bytes, kLevels8> {
  using N = NarrowMath<Isa>;
  using I = typename N::I;
  static constexpr int kGroup = 4, kWeight = 1, kScratch = 0;
  static I weight(const unsigned char* from, int) { return N::load(from); }
  static I input(const unsigned char* from, int) {
    return N::spread(from) ^ static_cast<std::int32_t>(0x80808080u);
  }
  static I dot(I sum, I x, I w) { return Isa::dot8(sum, x, w); }
  static I begin(const Product& job, long column) {
    I sum;
    std::memcpy(&sum, job.offsets + column, sizeof sum);
    return sum;
  }
};

template <class Isa, class Format>
struct NarrowGate : Gate<Isa> {
  using M = Math<Isa>;
  using V = typename M::V;
  static void end(const Product& job, int row, int at, V low, V high) {
    auto* to = static_cast<unsigned char*>(job.narrow[row]) + at / 2 * Format::kElement;
    Format::store_gate(to, M::gate(low, high));
  }
};

template <class Isa, class Format, class Ends>
struct NarrowMultiply {
  using M = Math<Isa>;
  using N = NarrowMath<Isa>;
  using V = typename M::V;
  using Sum = typename Format::Sum;
  using Bytes = const unsigned char*;
  static constexpr int kLanes = Isa::kLanes;
  static constexpr int kColumns = 2 * kLanes;
  static constexpr long kVector = kLanes * Format::kGroup * Format::kWeight;

  // What a sum of one tap goes on from.
  static V before(const Product& job, int tap, int row, int column, const float* carried) {
    return tap == 0 ? Ends::begin(job, row, column) : M::load(carried);
  }

  // One tap of up to Isa::kRows rows by kPanels panels, all sums in registers, for which every loop
  // over them must be unrolled. Between taps they wait in `carried`, [kRows][kPanels][kColumns].
  template <int kRows, int kPanels>
  static void tile(const Product& job, int tap, const Bytes* inputs, int row, int panel,
                   float* carried) {
    Bytes in[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) in[r] = inputs[r];
    Sum sum[kRows][kPanels][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const int at = half * kLanes;
          if constexpr (Format::kExact) {
            sum[r][p][half] = Format::begin(
                job, (static_cast<long>(panel + p) * job.taps + tap) * kColumns + at);
          } else {
            sum[r][p][half] = before(job, tap, row + r, (panel + p) * kColumns + at,
                                     carried + (r * kPanels + p) * kColumns + at);
          }
        }
    const int groups = job.depth / Format::kGroup;
    const long tap_stride = groups * 2 * kVector, panel_stride = job.taps * tap_stride;
    Bytes w = static_cast<Bytes>(job.weights) + panel * panel_stride + tap * tap_stride;
    for (int k = 0; k < groups; ++k, w += 2 * kVector) {
#pragma GCC unroll 2
      for (int part = 0; part < Format::kParts; ++part) {
        // The second part loads its weights anew: there is no register to keep them in.
        if (part > 0) asm volatile("" ::: "memory");
        Sum weight[kPanels][2];
#pragma GCC unroll 8
        for (int p = 0; p < kPanels; ++p) {
          weight[p][0] = Format::weight(w + p * panel_stride, part);
          weight[p][1] = Format::weight(w + p * panel_stride + kVector, part);
        }
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const Sum x = Format::input(in[r] + static_cast<long>(k) * Format::kInput, part);
#pragma GCC unroll 8
          for (int p = 0; p < kPanels; ++p) {
            sum[r][p][0] = Format::dot(sum[r][p][0], x, weight[p][0]);
            sum[r][p][1] = Format::dot(sum[r][p][1], x, weight[p][1]);
          }
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) {
        float* kept = carried + (r * kPanels + p) * kColumns;
        V total[2];
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const int at = half * kLanes;
          if constexpr (Format::kExact) {
            const float* scales =
                job.scales + (static_cast<long>(panel + p) * job.taps + tap) * kColumns + at;
            const float step = job.input_scales[static_cast<long>(tap) * job.rows + row + r];
            total[half] =
                Isa::fma(N::to_float(sum[r][p][half]), M::load(scales) * Isa::splat(step),
                         before(job, tap, row + r, (panel + p) * kColumns + at, kept + at));
          } else {
            total[half] = sum[r][p][half];
          }
        }
        if (tap + 1 == job.taps) {
          Ends::end(job, row + r, (panel + p) * kColumns, total[0], total[1]);
        } else {
          M::store(kept, total[0]);
          M::store(kept + kLanes, total[1]);
        }
      }
  }

  template <int kRows>
  static void rows(int count, const Product& job, int tap, const Bytes* inputs, int row, int panel,
                   float* carried) {
    if (count == kRows)
      tile<kRows, 1>(job, tap, inputs, row, panel, carried);
    else if constexpr (kRows > 1)
      rows<kRows - 1>(count, job, tap, inputs, row, panel, carried);
  }

  // One or two rows: several panels at once, or the chain of sums waits for itself.
  template <int kRows, int kPanels>
  static void few(const Product& job, const Bytes* inputs) {
    alignas(64) float carried[kRows * kPanels * kColumns] = {};
    int panel = job.panel_begin;
    for (; panel + kPanels <= job.panel_end; panel += kPanels)
      for (int tap = 0; tap < job.taps; ++tap)
        tile<kRows, kPanels>(job, tap, inputs + tap * kRows, 0, panel, carried);
    for (; panel < job.panel_end; ++panel)
      for (int tap = 0; tap < job.taps; ++tap)
        tile<kRows, 1>(job, tap, inputs + tap * kRows, 0, panel, carried);
  }

  // Rows whose inputs stay in L2, by panels whose weights of a tap stay in L1.
  static void block(const Product& job, const Bytes* inputs, int begin, int count) {
    alignas(64) float carried[kScratchRows * kColumns];
    const int groups = (count + Isa::kRows - 1) / Isa::kRows;
    for (int panel = job.panel_begin; panel < job.panel_end; ++panel)
      for (int tap = 0; tap < job.taps; ++tap)
        for (int group = 0; group < groups; ++group) {
          const int low = count * group / groups, high = count * (group + 1) / groups;
          rows<Isa::kRows>(high - low, job, tap, inputs + tap * count + low, begin + low, panel,
                           carried + low * kColumns);
        }
  }

  static void run(const Product& job) {
    constexpr int most = kScratchRows / Isa::kRows * Isa::kRows;
    const int blocks = (job.rows + most - 1) / most;
    for (int i = 0; i < blocks; ++i) {
      const int begin = static_cast<int>(static_cast<long>(job.rows) * i / blocks);
      const int count = static_cast<int>(static_cast<long>(job.rows) * (i + 1) / blocks) - begin;
      Bytes inputs[kTaps * kScratchRows];
      for (int tap = 0; tap < job.taps; ++tap)
        for (int r = 0; r < count; ++r) {
          auto* in = static_cast<Bytes>(job.input[static_cast<long>(tap) * job.rows + begin + r]);
          if constexpr (Format::kScratch != 0) {
            auto* packed = static_cast<unsigned char*>(job.scratch) +
                           (static_cast<long>(tap) * count + r) * job.depth * Format::kScratch;
            Format::pack(in, job.depth, packed);
            in = packed;
          }
          inputs[tap * count + r] = in;
        }
      if (job.rows == 1)
        few<1, 4>(job, inputs);
      else if (job.rows == 2)
        few<2, 2>(job, inputs);
      else
        block(job, inputs, begin, count);
    }
  }
};

template <class Isa, class Format>
constexpr Narrow make_narrow() {
  constexpr int channels = 2 * Isa::kLanes;
  return Narrow{Format::kElement,
                Format::kGroup,
                channels,
                Format::kScratch,
                Format::kGateStep,
                {&NarrowMultiply<Isa, Format, Store<Isa>>::run,
                 &NarrowMultiply<Isa, Format, NarrowGate<Isa, Format>>::run,
                 &NarrowMultiply<Isa, Format, Add<Isa, false>>::run,
                 &NarrowMultiply<Isa, Format, Add<Isa, true>>::run},
                &Format::round};
}

}  // namespace nsynth
