// Gated recurrent units over frames of samples: a frame in, what the next one is like out.
#pragma once

#include <vector>

#include "kernels/kernels.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

struct FrameSizes {
  int frame, hidden, layers;
  bool varies;  // a logarithm of a variance stands beside each mean

  int outputs() const { return varies ? 2 * frame : frame; }
};

// A unit whose reset gate multiplies the state before the recurrent product. The input's product
// has the columns update, reset, candidate; that of `gates` the first two.
struct GatedUnit {
  Matrix input, gates, candidate;
};

struct FrameNetwork {
  FrameNetwork(const FrameSizes& sizes, const Tensors& tensors, const Kernels& kernels);

  FrameSizes sizes;
  const Kernels* kernels;
  Packing packing;
  Matrix input, output;
  std::vector<GatedUnit> units;

  // Floats of a row of `count` channels: whole panels, and a vector more for what begins in between.
  int row(int count) const { return packing.padded(count) + 2 * packing.lanes; }
};

}  // namespace nsynth
