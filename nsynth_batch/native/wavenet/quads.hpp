// The encoder's convolutions computed for four outputs at once, with half the products, see QuadLayer.
//
// Of the outputs at t, t + d, t + 2d and t + 3d, d the dilation, with x0 … x5 the inputs at
// t - d … t + 4d and a the points ±kNear and ±kFar,
//   y(t + k d) = [k = 0] m0 + sum over a of a^k m_a + [k = 3] m5
// where m0 = s0 W0, m_a = s_a (W0 + a W1 + a² W2) / n_a, m5 = s5 W2, and each s is a sum of three or four
// of the inputs. A quad stands at times that are the recording's own, t mod 4d < d, so that a sum is the
// same in whatever piece of the recording it is computed.
#pragma once

#include <cstdint>
#include <string>

#include "wavenet/network.hpp"

namespace nsynth {

// The six products of a convolution of three taps, as the taps of one matrix.
Matrix quad_convolution(const Tensors& tensors, const std::string& name, const Packing& packing,
                        int width);

// Times of the quads that stand between each other.
inline std::int64_t quad_times(std::int64_t dilation) { return kQuad * dilation; }

// The first time of the quads of a time, and the first that is beyond those of the time before.
inline std::int64_t quads_begin(std::int64_t time, std::int64_t dilation) {
  return time / quad_times(dilation) * quad_times(dilation);
}
inline std::int64_t quads_end(std::int64_t time, std::int64_t dilation) {
  return quads_begin(time + quad_times(dilation) - 1, dilation);
}

}  // namespace nsynth
