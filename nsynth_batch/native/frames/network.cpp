#include "frames/network.hpp"

#include <string>

namespace nsynth {

FrameNetwork::FrameNetwork(const FrameSizes& s, const Tensors& tensors, const Kernels& k)
    : sizes(s), kernels(&k), packing(k, Precision::float32) {
  input = Matrix(tensors, "input", packing, 1, s.frame, s.hidden);
  for (int i = 1; i <= s.layers; ++i)
    units.emplace_back(tensors, "gru_" + std::to_string(i), packing, s.hidden);
  output = Matrix(tensors, "output", packing, 1, s.hidden, s.outputs());
}

}  // namespace nsynth
