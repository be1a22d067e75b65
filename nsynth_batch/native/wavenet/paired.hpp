// The decoder's convolutions computed for two outputs at once, with fewer products.
//
// It knows its newest input only when that is made, and pairs the two taps that are past. Of the outputs
// at t and t + d, d the dilation, with x0, x1, x2 the inputs at t - 2d, t - d and t,
//   y(t)     = n + (x0 - x1) W0         n = x1 (W0 + W1)
//   y(t + d) = n + (x2 - x1) W1
// which is three products, not four (Toom and Cook's multiplication; Winograd's F(2, 2)); n is kept for
// d samples. A pair stands at times that are the clip's own, t mod 2d < d.
#pragma once

#include <cstdint>
#include <string>

#include "wavenet/network.hpp"

namespace nsynth {

// Whether a time is the earlier of its pair.
inline bool opens_pair(std::int64_t time, std::int64_t dilation) {
  return time % (2 * dilation) < dilation;
}

// out = a - b. Channels are a multiple of 4.
void subtract(const float* a, const float* b, float* out, int channels);

}  // namespace nsynth
