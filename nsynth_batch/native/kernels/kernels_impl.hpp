// The kernels, written once over GCC's vector types and instantiated for each instruction set.
//
// An Isa is a type of an unnamed namespace: every function below then has internal linkage, and
// the linker cannot put one compiled for a newer processor in place of an older one's.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/kernels.hpp"

namespace nsynth {

template <class Isa>
struct Math {
  using V = typename Isa::Vector;
  using I = typename Isa::Integers;

  static V load(const float* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(float* to, V v) { std::memcpy(to, &v, sizeof v); }

  // Comparisons are written so that a NaN passes through.
  static V clamp(V x, float low, float high) {
    const V below = Isa::splat(low), above = Isa::splat(high);
    x = x < below ? below : x;
    return x > above ? above : x;
  }
  static V rectify(V x) { return x < V{} ? V{} : x; }

  // e^x = scale * (1 + rest), rest a Taylor series in the remainder of x / ln 2, |r| <= 0.35.
  static void split_exp(V x, V& scale, V& rest) {
    const V magic = Isa::splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
    const V shifted = Isa::fma(x, Isa::splat(1.44269504f), magic);
    const V whole = shifted - magic;
    V r = Isa::fma(whole, Isa::splat(-0.693359375f), x);
    r = Isa::fma(whole, Isa::splat(2.12194440e-4f), r);
    constexpr float inverse_factorials[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f};
    V series = Isa::splat(1.0f / 5040);
    for (const float coefficient : inverse_factorials)
      series = Isa::fma(series, r, Isa::splat(coefficient));
    rest = Isa::fma(series * r, r, r);
    I bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3F800000;
    std::memcpy(&scale, &bits, sizeof bits);
  }

  static V exp(V x) {
    V scale, rest;
    split_exp(clamp(x, -87.0f, 87.0f), scale, rest);
    return Isa::fma(scale, rest, scale);
  }

  // sigmoid(a) * tanh(b) with one division. tanh goes through e^-2b - 1 and keeps its relative
  // precision near 0.
  static V gate(V a, V b) {
    const V one = Isa::splat(1.0f);
    V scale, rest;
    split_exp(-clamp(a, -60.0f, 60.0f), scale, rest);
    const V exp_a = Isa::fma(scale, rest, scale);
    split_exp(Isa::splat(-2.0f) * clamp(b, -10.0f, 10.0f), scale, rest);
    const V expm1_b = Isa::fma(scale, rest, scale - one);
    return -expm1_b / ((Isa::splat(2.0f) + expm1_b) * (one + exp_a));
  }

  static V sigmoid(V a) { return Isa::splat(1.0f) / (Isa::splat(1.0f) + exp(-a)); }

  static V tanh(V b) {
    V scale, rest;
    split_exp(Isa::splat(-2.0f) * clamp(b, -10.0f, 10.0f), scale, rest);
    const V expm1_b = Isa::fma(scale, rest, scale - Isa::splat(1.0f));
    return -expm1_b / (Isa::splat(2.0f) + expm1_b);
  }
};

// How a sum begins, what of it may be fetched ahead, and what becomes of it. `at` is the panel's
// first column.
template <class Isa>
struct Store {
  using M = Math<Isa>;
  using V = typename M::V;
  static V begin(const Product& job, int, int at) { return M::load(job.bias + at); }
  static void fetch(const Product& job, int row, int at) {
    __builtin_prefetch(job.out[row] + at, 1);
  }
  static void end(const Product& job, int row, int at, V low, V high) {
    M::store(job.out[row] + at, low);
    M::store(job.out[row] + at + Isa::kLanes, high);
  }
};

template <class Isa>
struct Gate {
  using M = Math<Isa>;
  using V = typename M::V;
  static V begin(const Product& job, int row, int at) {
    return M::load(job.first[row] + at) + M::load(job.second[row] + at);
  }
  static void fetch(const Product& job, int row, int at) {
    __builtin_prefetch(job.first[row] + at);
    __builtin_prefetch(job.second[row] + at);
    __builtin_prefetch(job.out[row] + at / 2, 1);
  }
  static void end(const Product& job, int row, int at, V low, V high) {
    M::store(job.out[row] + at / 2, M::gate(low, high));
  }
};

template <class Isa, bool kRectified>
struct Add {
  using M = Math<Isa>;
  using V = typename M::V;
  static V begin(const Product& job, int, int at) { return M::load(job.bias + at); }
  static void fetch(const Product& job, int row, int at) {
    __builtin_prefetch(job.first[row] + at);
    __builtin_prefetch(job.out[row] + at, 1);
  }
  static void end(const Product& job, int row, int at, V low, V high) {
    finish(job, row, at, low);
    finish(job, row, at + Isa::kLanes, high);
  }
  static void finish(const Product& job, int row, int at, V sum) {
    const V total = M::load(job.first[row] + at) + sum;
    M::store(job.out[row] + at, kRectified ? M::rectify(total) : total);
  }
};

// A stretch of the sum: whole taps, or a part of the depth of one of them.
struct Stretch {
  int tap_begin, tap_end;
  int begin, count;
  bool first, last;
};

template <class Isa, class Ends>
struct Multiply {
  using M = Math<Isa>;
  using V = typename M::V;
  static constexpr int kLanes = Isa::kLanes;
  static constexpr int kColumns = 2 * kLanes;
  static constexpr int kMaxRows = 192;             // of a block whose inputs stay near L2
  static constexpr int kBlockFloats = 128 * 1024;  // 512 KB of them
  static constexpr int kMaxDepth = 512;            // 32 KB of a panel, read in order

  // Up to Isa::kRows rows by kPanels panels, all sums in registers. Between the stretches of a sum
  // that is not whole they wait in `carried`. Every loop over the sums is unrolled by order: where
  // the compiler leaves one as it is, all of them lie in memory and the product takes thrice as long.
  template <int kRows, int kPanels, bool kWhole>
  static void tile(const Product& job, const Stretch& part, int row, int panel, float* carried) {
    V sum[kRows][kPanels][2];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p)
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half)
          sum[r][p][half] = kWhole || part.first
                                ? Ends::begin(job, row + r, (panel + p) * kColumns + half * kLanes)
                                : M::load(carried + r * kColumns + half * kLanes);
    // What the next panel begins and ends with lies in lines that no one has used for a step.
    if (!kWhole && part.first && panel + 1 < job.panel_end)
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) Ends::fetch(job, row + r, (panel + 1) * kColumns);
    const long panel_stride = static_cast<long>(job.taps) * job.depth * kColumns;
    const long ahead = static_cast<long>(part.tap_end - part.tap_begin) * part.count * kColumns;
    for (int tap = part.tap_begin; tap < part.tap_end; ++tap) {
      const float* in[kRows];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r)
        in[r] = static_cast<const float*>(
                    job.input[static_cast<long>(tap) * job.rows + row + r]) +
                part.begin;
      const float* w = static_cast<const float*>(job.weights) + panel * panel_stride +
                       (static_cast<long>(tap) * job.depth + part.begin) * kColumns;
      for (int k = 0; k < part.count; ++k, w += kColumns) {
        // The next stretch's weights follow these; they come from afar while these are used.
        if (!kWhole) __builtin_prefetch(w + ahead);
        V weight[kPanels][2];
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p) {
          weight[p][0] = M::load(w + p * panel_stride);
          weight[p][1] = M::load(w + p * panel_stride + kLanes);
        }
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const V x = Isa::splat(in[r][k]);
#pragma GCC unroll 16
          for (int p = 0; p < kPanels; ++p) {
            sum[r][p][0] = Isa::fma(x, weight[p][0], sum[r][p][0]);
            sum[r][p][1] = Isa::fma(x, weight[p][1], sum[r][p][1]);
          }
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) {
        if (kWhole || part.last) {
          Ends::end(job, row + r, (panel + p) * kColumns, sum[r][p][0], sum[r][p][1]);
        } else {
          M::store(carried + r * kColumns, sum[r][p][0]);
          M::store(carried + r * kColumns + kLanes, sum[r][p][1]);
        }
      }
  }

  template <int kRows>
  static void rows(int count, const Product& job, const Stretch& part, int row, int panel,
                   float* carried) {
    if (count == kRows)
      tile<kRows, 1, false>(job, part, row, panel, carried);
    else if constexpr (kRows > 1)
      rows<kRows - 1>(count, job, part, row, panel, carried);
  }

  // One or two rows: several panels at once, or the chain of sums waits for itself.
  template <int kRows, int kPanels>
  static void few(const Product& job, const Stretch& whole) {
    int panel = job.panel_begin;
    for (; panel + kPanels <= job.panel_end; panel += kPanels)
      tile<kRows, kPanels, true>(job, whole, 0, panel, nullptr);
    for (; panel < job.panel_end; ++panel) tile<kRows, 1, true>(job, whole, 0, panel, nullptr);
  }

  static void block(const Product& job, int begin, int count) {
    alignas(64) float carried[kMaxRows * kColumns];
    const int groups = (count + Isa::kRows - 1) / Isa::kRows;
    // A stretch is as many taps as stay within kMaxDepth, or a piece of one.
    const int together = kMaxDepth / job.depth > 1 ? kMaxDepth / job.depth : 1;
    const int taps = groups == 1 || together > job.taps ? job.taps : together;
    const int pieces = groups == 1 ? 1 : (job.depth + kMaxDepth - 1) / kMaxDepth;
    for (int panel = job.panel_begin; panel < job.panel_end; ++panel)
      for (int tap = 0; tap < job.taps; tap += taps)
        for (int piece = 0; piece < pieces; ++piece) {
          const int end = tap + taps < job.taps ? tap + taps : job.taps;
          const int from = static_cast<int>(static_cast<long>(job.depth) * piece / pieces);
          const int to = static_cast<int>(static_cast<long>(job.depth) * (piece + 1) / pieces);
          const Stretch part{tap,       end,  from, to - from, tap == 0 && piece == 0,
                             end == job.taps && piece == pieces - 1};
          for (int group = 0; group < groups; ++group) {
            const int low = count * group / groups, high = count * (group + 1) / groups;
            rows<Isa::kRows>(high - low, job, part, begin + low, panel, carried + low * kColumns);
          }
        }
  }

  static void run(const Product& job) {
    if (job.rows <= 2) {
      const Stretch whole{0, job.taps, 0, job.depth, true, true};
      if (job.rows == 1) few<1, 4>(job, whole);
      if (job.rows == 2) few<2, 2>(job, whole);
      return;
    }
    const long fit = kBlockFloats / (static_cast<long>(job.taps) * job.depth + 1);
    const int most = fit < Isa::kRows ? Isa::kRows
                     : fit > kMaxRows ? kMaxRows
                                      : static_cast<int>(fit);
    const long blocks = (job.rows + most - 1) / most;
    for (long i = 0; i < blocks; ++i) {
      const int low = static_cast<int>(job.rows * i / blocks);
      const int high = static_cast<int>(job.rows * (i + 1) / blocks);
      block(job, low, high - low);
    }
  }
};

template <class Isa>
int sample(const float* logits, float temperature, float uniform) {
  using M = Math<Isa>;
  using V = typename M::V;
  constexpr int kLanes = Isa::kLanes;
  alignas(64) float lane[kLanes];
  V top = M::load(logits);
  for (int i = kLanes; i < kQuanta; i += kLanes) {
    const V x = M::load(logits + i);
    top = x > top ? x : top;
  }
  M::store(lane, top);
  float highest = lane[0];
  for (int i = 1; i < kLanes; ++i) highest = lane[i] > highest ? lane[i] : highest;

  alignas(64) float share[kQuanta];
  V sums{};
  for (int i = 0; i < kQuanta; i += kLanes) {
    const V e = M::exp((M::load(logits + i) - Isa::splat(highest)) / Isa::splat(temperature));
    M::store(share + i, e);
    sums += e;
  }
  M::store(lane, sums);
  float sum = 0.0f;
  for (int i = 0; i < kLanes; ++i) sum += lane[i];
  if (!(sum <= 2.0f * kQuanta)) return -1;

  float reached = 0.0f;
  for (int i = 0; i < kQuanta - 1; ++i) {
    reached += share[i] / sum;
    if (!(reached < uniform)) return i;
  }
  return kQuanta - 1;  // rounding can leave the whole sum below the draw
}

// See Recurrent.
template <class Isa>
struct Units {
  using M = Math<Isa>;
  using V = typename M::V;

  static void reset(const float* gate, const float* state, int count, float* out) {
    for (int i = 0; i < count; i += Isa::kLanes)
      M::store(out + i, M::sigmoid(M::load(gate + i)) * M::load(state + i));
  }

  static void update(const float* gate, const float* candidate, int count, float* state) {
    for (int i = 0; i < count; i += Isa::kLanes) {
      const V before = M::load(state + i);
      const V change = M::tanh(M::load(candidate + i)) - before;
      M::store(state + i, Isa::fma(M::sigmoid(M::load(gate + i)), change, before));
    }
  }

  // Two vectors at once: a cache line of each row.
  static void rectify_rows(const float* first, const float* const* row, int rows, int count,
                           float* out) {
    int i = 0;
    for (; i + 2 * Isa::kLanes <= count; i += 2 * Isa::kLanes) {
      V low = M::load(first + i), high = M::load(first + i + Isa::kLanes);
      for (int r = 0; r < rows; ++r) {
        low += M::load(row[r] + i);
        high += M::load(row[r] + i + Isa::kLanes);
      }
      M::store(out + i, M::rectify(low));
      M::store(out + i + Isa::kLanes, M::rectify(high));
    }
    for (; i < count; i += Isa::kLanes) {
      V sum = M::load(first + i);
      for (int r = 0; r < rows; ++r) sum += M::load(row[r] + i);
      M::store(out + i, M::rectify(sum));
    }
  }

  static void draw(const float* mean, const float* log_variance, const float* noise, float limit,
                   int count, float* out) {
    for (int i = 0; i < count; i += Isa::kLanes) {
      const int left = count - i < Isa::kLanes ? count - i : Isa::kLanes;
      V value = some(mean + i, left);
      if (noise != nullptr)
        value = Isa::fma(M::exp(Isa::splat(0.5f) * M::clamp(some(log_variance + i, left), kLeastLogVariance, 87.0f)),
                         some(noise + i, left), value);
      value = M::clamp(value, -limit, limit);
      std::memcpy(out + i, &value, static_cast<unsigned long>(left) * sizeof(float));
    }
  }

  static V some(const float* from, int count) {
    V v{};
    std::memcpy(&v, from, static_cast<unsigned long>(count) * sizeof(float));
    return v;
  }
};

template <class Isa>
constexpr Kernels make_kernels(const char* name, const Narrow& bfloat16, const Narrow& int16,
                               const Narrow& int8) {
  return Kernels{name,
                 Isa::kLanes,
                 {&Multiply<Isa, Store<Isa>>::run, &Multiply<Isa, Gate<Isa>>::run,
                  &Multiply<Isa, Add<Isa, false>>::run, &Multiply<Isa, Add<Isa, true>>::run},
                 bfloat16,
                 int16,
                 int8,
                 &sample<Isa>,
                 {&Units<Isa>::reset, &Units<Isa>::update, &Units<Isa>::rectify_rows,
                  &Units<Isa>::draw}};
}

}  // namespace nsynth
