#include "recurrent/rounded.hpp"

#include <algorithm>
#include <cstring>

namespace nsynth {

std::size_t RoundedRows::row_bytes(const Packing& packing, int inputs) {
  return packing.narrow ? index(packing.padded(inputs)) * index(packing.narrow->element) : 0;
}

std::size_t RoundedRows::scratch_floats(const Packing& packing, int inputs) {
  if (!packing.narrow) return 0;
  return index(kScratchRows) * index(packing.padded(inputs)) *
         index(packing.narrow->scratch_element) / sizeof(float);
}

std::size_t RoundedRows::floats(const Packing& packing, int inputs, std::size_t rows,
                                int helpers) {
  if (!packing.narrow) return 0;
  return (1 + index(helpers)) * scratch_floats(packing, inputs) + rows * row_bytes(packing, inputs) / sizeof(float) +
         index(packing.padded(inputs));
}

RoundedRows::RoundedRows(const Kernels& kernels, const Packing& packing, int inputs,
                         std::size_t rows, int helper_count)
    : Rows(rows, scratch_floats(packing, inputs)),
      helpers(helper_count, scratch_floats(packing, inputs)),
      kernels_(kernels),
      row_bytes_(row_bytes(packing, inputs)),
      rounded_(rows * row_bytes_ / sizeof(float)),
      whole_(packing.narrow ? index(packing.padded(inputs)) : 0) {}

void RoundedRows::run(ProductKernel Products::*kernel, const Matrix& matrix, int count) {
  const Narrow* const narrow = matrix.narrow();
  if (narrow == nullptr) return helpers.run(kernels_.float32.*kernel, matrix, *this, count);
  const int inputs = matrix.inputs(), lanes = kernels_.lanes;
  const int vectors = (inputs + lanes - 1) / lanes * lanes;
  for (int r = 0; r < count; ++r) {
    const float* from = static_cast<const float*>(input[index(r)]);
    if (vectors != inputs) {
      // What follows a row's last float may be another's, and must not set the scale.
      std::copy_n(from, inputs, whole_.data());
      std::fill(whole_.data() + inputs, whole_.data() + vectors, 0.0f);
      from = whole_.data();
    }
    auto* const to = reinterpret_cast<unsigned char*>(rounded_.data()) + index(r) * row_bytes_;
    narrow->round(from, vectors, to, &input_scales[index(r)]);
    const std::size_t written = index(vectors) * index(narrow->element);
    std::memset(to + written, 0, row_bytes_ - written);
    input[index(r)] = to;
  }
  helpers.run(narrow->products.*kernel, matrix, *this, count);
}

}  // namespace nsynth
