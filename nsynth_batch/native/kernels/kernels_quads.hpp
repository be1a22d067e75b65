// A layer of the encoder for four outputs at once, see QuadLayer.
#pragma once

#include "kernels/kernels_impl.hpp"

namespace nsynth {

template <class Isa>
struct QuadMultiply {
  using M = Math<Isa>;
  using V = typename M::V;
  static constexpr int kLanes = Isa::kLanes;
  static constexpr int kColumns = 2 * kLanes;
  static constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;

  // Up to Isa::kRows rows by one panel. `in` gives a row, `end` takes what became of it.
  template <int kRows, class In, class End>
  static void tile(const float* w, int depth, int row, const In& in, const End& end) {
    V sum[kRows][2];
    const float* from[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      sum[r][0] = sum[r][1] = V{};
      from[r] = in(row + r);
    }
    const long ahead = static_cast<long>(depth) * kColumns;
    // Unrolled: the end of a loop of a hundred turns is one that the processor does not foresee.
#pragma GCC unroll 4
    for (int k = 0; k < depth; ++k, w += kColumns) {
      __builtin_prefetch(w + ahead);
      const V low = M::load(w), high = M::load(w + kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const V x = Isa::splat(from[r][k]);
        sum[r][0] = Isa::fma(x, low, sum[r][0]);
        sum[r][1] = Isa::fma(x, high, sum[r][1]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) end(row + r, sum[r][0], sum[r][1]);
  }

  template <int kRows, class In, class End>
  static void some(int count, const float* w, int depth, int row, const In& in, const End& end) {
    if (count == kRows)
      tile<kRows>(w, depth, row, in, end);
    else if constexpr (kRows > 1)
      some<kRows - 1>(count, w, depth, row, in, end);
  }

  template <class In, class End>
  static void panel(int rows, const float* w, int depth, const In& in, const End& end) {
    const int groups = (rows + Isa::kRows - 1) / Isa::kRows;
    for (int group = 0, row = 0; group < groups; ++group) {
      const int count = (rows - row + groups - group - 1) / (groups - group);
      some<Isa::kRows>(count, w, depth, row, in, end);
      row += count;
    }
  }

  // Two vectors at a time: a cache line of each row, which rows at the same distance from each other
  // would else push out of the cache between its halves.
  static void spread(const QuadLayer& job) {
    const V near = Isa::splat(kNear), far = Isa::splat(kFar);
    const V minus_near2 = Isa::splat(-kNear2), minus_far2 = Isa::splat(-kFar2);
    const V product = Isa::splat(kNear2 * kFar2), minus_sum = Isa::splat(-(kNear2 + kFar2));
    for (int q = 0; q < job.quads; ++q) {
      const float* const* const in = job.input + q * kQuadInputs;
      float* const out = job.spread + static_cast<long>(q) * job.channels;
      for (int c = 0; c < job.channels; c += kColumns)
#pragma GCC unroll 2
        for (int at = c; at < c + kColumns; at += kLanes) {
          const V x0 = M::rectify(M::load(in[0] + at)), x1 = M::rectify(M::load(in[1] + at));
          const V x2 = M::rectify(M::load(in[2] + at)), x3 = M::rectify(M::load(in[3] + at));
          const V x4 = M::rectify(M::load(in[4] + at)), x5 = M::rectify(M::load(in[5] + at));
          const V near_even = Isa::fma(minus_far2, x2, x4);
          const V near_odd = near * Isa::fma(minus_far2, x1, x3);
          const V far_even = Isa::fma(minus_near2, x2, x4);
          const V far_odd = far * Isa::fma(minus_near2, x1, x3);
          float* const to = out + at;
          M::store(to, Isa::fma(product, x0, Isa::fma(minus_sum, x2, x4)));
          M::store(to + job.stride, near_even + near_odd);
          M::store(to + 2 * job.stride, near_even - near_odd);
          M::store(to + 3 * job.stride, far_even + far_odd);
          M::store(to + 4 * job.stride, far_even - far_odd);
          M::store(to + 5 * job.stride, Isa::fma(product, x1, Isa::fma(minus_sum, x3, x5)));
        }
    }
  }

  // A panel of what is hidden, made of the products' panels, [kQuadInputs][quads][kColumns].
  static void join(const QuadLayer& job, int column) {
    const V near = Isa::splat(kNear), far = Isa::splat(kFar);
    const V near2 = Isa::splat(kNear2), far2 = Isa::splat(kFar2);
    const V near3 = Isa::splat(kNear2 * kNear), far3 = Isa::splat(kFar2 * kFar);
    const long next = static_cast<long>(job.quads) * kColumns;
    for (int q = 0; q < job.quads; ++q)
#pragma GCC unroll 2
      for (int half = 0; half < kColumns; half += kLanes) {
        const float* const m = job.products + q * kColumns + half;
        const int at = column + half;
        const V bias = M::load(job.bias + at);
        const V m1 = M::load(m + next), m2 = M::load(m + 2 * next);
        const V m3 = M::load(m + 3 * next), m4 = M::load(m + 4 * next);
        const V near_even = m1 + m2, near_odd = m1 - m2, far_even = m3 + m4, far_odd = m3 - m4;
        const V y[kQuad] = {
            M::load(m) + (near_even + far_even), Isa::fma(near, near_odd, far * far_odd),
            Isa::fma(near2, near_even, far2 * far_even),
            Isa::fma(near3, near_odd, Isa::fma(far3, far_odd, M::load(m + 5 * next)))};
#pragma GCC unroll 4
        for (int i = 0; i < kQuad; ++i)
          M::store(job.hidden[q * kQuad + i] + at, M::rectify(bias + y[i]));
      }
  }

  static void run(const QuadLayer& job) {
    spread(job);
    const float* w = job.weights;
    for (int column = 0; column < job.channels; column += kColumns) {
      for (int i = 0; i < kQuadInputs; ++i, w += static_cast<long>(job.depth) * kColumns) {
        // The next quads' inputs come from afar, a panel of each while one is multiplied.
        if (job.next != nullptr)
          for (int q = 0; q < job.quads; ++q)
            __builtin_prefetch(job.next[q * kQuadInputs + i] + column, 0, 2);
        const float* const in = job.spread + i * job.stride;
        float* const out = job.products + static_cast<long>(i) * job.quads * kColumns;
        panel(job.quads, w, job.depth,
              [&](int row) { return in + static_cast<long>(row) * job.channels; },
              [&](int row, V low, V high) {
                M::store(out + row * kColumns, low);
                M::store(out + row * kColumns + kLanes, high);
              });
      }
      join(job, column);
    }
    w = job.residual;
    for (int column = 0; column < job.channels; column += kColumns) {
      const V low_bias = M::load(job.residual_bias + column);
      const V high_bias = M::load(job.residual_bias + column + kLanes);
      panel(job.rows, w, job.depth, [&](int row) { return job.row[row]; },
            [&](int row, V low, V high) {
              const float* const first = job.first[row] + column;
              float* const out = job.out[row] + column;
              M::store(out, M::load(first) + (low_bias + low));
              M::store(out + kLanes, M::load(first + kLanes) + (high_bias + high));
            });
      w += static_cast<long>(job.depth) * kColumns;
    }
  }
};

}  // namespace nsynth
