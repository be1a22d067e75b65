// The rows of a product, gathered.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels.hpp"
#include "network.hpp"

namespace nsynth {

// Pointer lists for products of up to `rows` rows; one for each thread.
struct Rows {
  explicit Rows(std::size_t rows)
      : input(rows * kTaps), first(rows), second(rows), out(rows), rectified(rows) {}

  std::vector<const float*> input, first, second;
  std::vector<float*> out, rectified;

  // Runs a kernel over `count` gathered rows and panels [begin, end) of a matrix.
  void run(ProductKernel kernel, const Matrix& matrix, int count, int begin, int end) const {
    if (count == 0 || begin == end) return;
    Product job = matrix.product();
    job.panel_begin = begin;
    job.panel_end = end;
    job.rows = count;
    job.input = input.data();
    job.first = first.data();
    job.second = second.data();
    job.out = out.data();
    job.rectified = rectified.data();
    kernel(job);
  }
  void run(ProductKernel kernel, const Matrix& matrix, int count) const {
    run(kernel, matrix, count, 0, matrix.panels());
  }
};

}  // namespace nsynth
