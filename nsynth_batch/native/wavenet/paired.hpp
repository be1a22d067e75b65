// Convolutions computed for two outputs at once, with fewer products.
//
// The encoder's have three taps.
// Of the outputs at t and t + d, d the dilation, with x0 … x3 the inputs at t - d … t + 2d,
//   y(t)     = m + n + (x0 - x2) W0         m = (x1 + x2) (W0 + W1 + W2) / 2
//   y(t + d) = m - n + (x3 - x1) W2         n = (x2 - x1) (W0 - W1 + W2) / 2
// which is four products for two outputs, not six (Toom and Cook's multiplication; Winograd's
// F(2, 3)). A pair stands at times that are the recording's own, t mod 2d < d, so that a sum is the
// same in whatever piece of the recording it is computed.
//
// The decoder knows x2 only when it is made, and pairs the two taps that are past. With x0, x1, x2
// the inputs at t - 2d, t - d and t,
//   y(t)     = n + (x0 - x1) W0         n = x1 (W0 + W1)
//   y(t + d) = n + (x2 - x1) W1
// which is three products, not four (F(2, 2)); n is kept for d samples.
#pragma once

#include <cstdint>
#include <string>

#include "wavenet/network.hpp"

namespace nsynth {

// The pair's number `pair`, counted from the recording's start: the earlier of its times.
inline std::int64_t pair_time(std::int64_t pair, std::int64_t dilation) {
  return pair / dilation * 2 * dilation + pair % dilation;
}

// Whether a time is the earlier of its pair.
inline bool opens_pair(std::int64_t time, std::int64_t dilation) {
  return time % (2 * dilation) < dilation;
}

// out = a - b. Channels are a multiple of 4, here and below.
void subtract(const float* a, const float* b, float* out, int channels);

// The encoder's inputs of the products: x0 - x2, x1 + x2, x2 - x1, x3 - x1, each x rectified
// first.
void spread(const float* const x[4], float* const out[4], int channels);

// m and n become m + n and m - n, likewise.
void join(float* m, float* n, int channels);

}  // namespace nsynth
