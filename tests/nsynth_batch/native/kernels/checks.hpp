// What is checked of one set of kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"
#include "kernels/precision.hpp"

namespace nsynth {

// The products, by many shapes; the rounding of rows; the draw of a sample.
void check_products(const Kernels& kernels, Precision precision);
void check_rounding(const Kernels& kernels, Precision precision);
void check_sample(const Kernels& kernels);

// The decoder around them. Gives its codes, which are the same wherever sums are.
std::vector<std::int16_t> check_engine(const Kernels& kernels, Precision precision);

}  // namespace nsynth
