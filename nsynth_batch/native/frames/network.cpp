#include "frames/network.hpp"

#include <string>

namespace nsynth {

FrameNetwork::FrameNetwork(const FrameSizes& s, const Tensors& tensors, const Kernels& k)
    : sizes(s), kernels(&k), packing(k, Precision::float32) {
  input = Matrix(tensors, "input", packing, 1, s.frame, s.hidden);
  for (int i = 1; i <= s.layers; ++i) {
    const std::string name = "gru_" + std::to_string(i);
    units.push_back({Matrix(tensors, name + "/input", packing, 1, s.hidden, 3 * s.hidden),
                     Matrix(tensors, name + "/gates", packing, 1, s.hidden, 2 * s.hidden),
                     Matrix(tensors, name + "/candidate", packing, 1, s.hidden, s.hidden)});
  }
  output = Matrix(tensors, "output", packing, 1, s.hidden, s.outputs());
}

}  // namespace nsynth
