// Gated recurrent units over frames of samples: a frame in, what the next one is like out.
#pragma once

#include <vector>

#include "kernels/kernels.hpp"
#include "recurrent/gated.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

struct FrameSizes {
  int frame, hidden, layers;
  bool varies;  // a logarithm of a variance stands beside each mean

  int outputs() const { return varies ? 2 * frame : frame; }
};

struct FrameNetwork {
  FrameNetwork(const FrameSizes& sizes, const Tensors& tensors, const Kernels& kernels);

  FrameSizes sizes;
  const Kernels* kernels;
  Packing packing;
  Matrix input, output;
  std::vector<GatedUnit> units;

  int row(int count) const { return row_floats(packing, count); }
};

}  // namespace nsynth
