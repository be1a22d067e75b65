// Rows of floats for products of any precision.
#pragma once

#include <cstddef>

#include "kernels/buffer.hpp"
#include "kernels/kernels.hpp"
#include "kernels/pointers.hpp"
#include "recurrent/helpers.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

// One thread's rows: inputs are floats, rounded on their way into a matrix that is not float32.
class RoundedRows : public Rows {
 public:
  // For up to `rows` rows and `inputs` of them to a narrow matrix, and threads that help.
  RoundedRows(const Kernels& kernels, const Packing& packing, int inputs, std::size_t rows,
              int helpers = 0);
  static std::size_t floats(const Packing& packing, int inputs, std::size_t rows, int helpers = 0);

  // Runs a kernel over `count` gathered rows; the pointers in `input` are gone afterwards.
  void run(ProductKernel Products::*kernel, const Matrix& matrix, int count);

  ProductHelpers helpers;

 private:
  static std::size_t scratch_floats(const Packing& packing, int inputs);
  static std::size_t row_bytes(const Packing& packing, int inputs);

  const Kernels& kernels_;
  const std::size_t row_bytes_;
  Buffer rounded_, whole_;
};

}  // namespace nsynth
