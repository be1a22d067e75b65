#include "wavenet/quads.hpp"

#include <cstddef>
#include <vector>

namespace nsynth {

Matrix quad_convolution(const Tensors& tensors, const std::string& name, const Packing& packing,
                        int width) {
  const std::size_t tap = static_cast<std::size_t>(width) * static_cast<std::size_t>(width);
  const float* const weights = tensors(name + "/W", kTaps * tap);
  const float* const biases = tensors(name + "/biases", static_cast<std::size_t>(width));
  std::vector<float> products;
  const auto mix = [&](double first, double second, double third) {
    for (std::size_t i = 0; i < tap; ++i)
      products.push_back(static_cast<float>(first * weights[i] + second * weights[tap + i] +
                                            third * weights[2 * tap + i]));
  };
  constexpr double near = kNear, far = kFar, near2 = near * near, far2 = far * far;
  const auto at = [&](double point, double divisor) {
    mix(1 / divisor, point / divisor, point * point / divisor);
  };
  mix(1 / (near2 * far2), 0, 0);
  at(near, 2 * near2 * (near2 - far2));
  at(-near, 2 * near2 * (near2 - far2));
  at(far, 2 * far2 * (far2 - near2));
  at(-far, 2 * far2 * (far2 - near2));
  mix(0, 0, 1);
  const Tensors mixed = [&](const std::string& tensor, std::size_t) {
    return tensor.ends_with("/W") ? products.data() : biases;
  };
  return Matrix(mixed, name, packing, kQuadInputs, width, width);
}

}  // namespace nsynth
