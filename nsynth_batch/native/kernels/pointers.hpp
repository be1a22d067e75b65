// The rows of a product, gathered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.hpp"
#include "kernels/kernels.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

inline std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

// Pointer lists for products of up to `rows` rows; one for each thread.
struct Rows {
  explicit Rows(std::size_t rows, std::size_t scratch_floats = 0)
      : input(rows * kTaps),
        first(rows),
        second(rows),
        input_scales(rows * kTaps),
        out(rows),
        narrow(rows),
        scratch(scratch_floats) {}
  // What a decoder's products need of it.
  static std::size_t scratch_floats(const Decoder& decoder) {
    if (!decoder.packing.narrow) return 0;
    const std::size_t block = kScratchRows * (kTaps - 1);
    return block * static_cast<std::size_t>(decoder.width) *
           static_cast<std::size_t>(decoder.packing.narrow->scratch_element) / sizeof(float);
  }

  std::vector<const void*> input;
  std::vector<const float*> first, second;
  std::vector<float> input_scales;
  std::vector<float*> out;
  std::vector<void*> narrow;
  Buffer scratch;

  // Runs a kernel over `count` gathered rows and panels [begin, end) of a matrix. Threads that share
  // the rows have scratch of their own.
  void run(ProductKernel kernel, const Matrix& matrix, int count, int begin, int end,
           void* own_scratch) const {
    if (count == 0 || begin == end) return;
    Product job = matrix.product();
    job.panel_begin = begin;
    job.panel_end = end;
    job.rows = count;
    job.input = input.data();
    job.input_scales = input_scales.data();
    job.first = first.data();
    job.second = second.data();
    job.out = out.data();
    job.narrow = narrow.data();
    job.scratch = own_scratch;
    kernel(job);
  }
  void run(ProductKernel kernel, const Matrix& matrix, int count, int begin, int end) const {
    run(kernel, matrix, count, begin, end, scratch.data());
  }
  void run(ProductKernel kernel, const Matrix& matrix, int count) const {
    run(kernel, matrix, count, 0, matrix.panels());
  }
};

}  // namespace nsynth
