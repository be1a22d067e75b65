// A set of kernels against the portable one, on a small product.
#pragma once

#include <string>

#include "kernels/kernels.hpp"
#include "kernels/precision.hpp"

namespace nsynth {

struct Shape {
  int taps, inputs, outputs, rows;  // an even number of outputs
};

struct Comparison {
  bool agrees;
  double worst;       // difference of sums, which are of the order of 1
  const char* where;  // in which kernel
};

Comparison compare(const Kernels& kernels, Precision precision, const Shape& shape);

// Throws std::runtime_error where these kernels do not agree: the processor, or what emulates it,
// does not do what they were written for.
void check_kernels(const Kernels& kernels, Precision precision);

}  // namespace nsynth
