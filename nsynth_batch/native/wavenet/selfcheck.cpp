#include "wavenet/selfcheck.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "wavenet/network.hpp"
#include "kernels/pointers.hpp"

namespace nsynth {

namespace {

// A number in [-1, 1) for a place, the same on every machine and however rows are padded.
float number(std::uint32_t array, std::size_t row, std::size_t column) {
  std::uint32_t bits = (array * 131071u + static_cast<std::uint32_t>(row)) * 2654435761u +
                       static_cast<std::uint32_t>(column);
  for (int i = 0; i < 2; ++i) bits = (bits ^ bits >> 15) * 2246822519u;
  return static_cast<float>(static_cast<std::int32_t>(bits ^ bits >> 13)) * 0x1p-31f;
}

std::vector<float> numbers(std::uint32_t array, std::size_t count, float scale) {
  std::vector<float> list(count);
  for (std::size_t i = 0; i < count; ++i) list[i] = scale * number(array, i, 0);
  return list;
}

// What the kernels make of one product, by kernel: [rows][channels].
struct Results {
  std::vector<float> inputs, store, gate, add, rectify_sum;
};

float decoded(const void* row, int at, Precision precision, float scale) {
  const auto* bytes = static_cast<const unsigned char*>(row);
  if (precision == Precision::int8)
    return scale * static_cast<float>(static_cast<const std::int8_t*>(row)[at]);
  std::int16_t bits;
  if (precision == Precision::float32) {
    float value;
    std::memcpy(&value, bytes + 4 * at, sizeof value);
    return value;
  }
  std::memcpy(&bits, bytes + 2 * at, sizeof bits);
  if (precision == Precision::int16) return scale * static_cast<float>(bits);
  return std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::uint16_t>(bits)) << 16);
}

class Trial {
 public:
  Trial(const Kernels& kernels, Precision precision, const Shape& shape)
      : kernels_(kernels),
        packing_(kernels, precision),
        shape_(shape),
        width_(index(packing_.padded(shape.inputs))),
        wide_(index(packing_.padded(shape.outputs / 2)) * 2),
        rows_(index(shape.rows), scratch()),
        inputs_(index(shape.taps * shape.rows) * width_),
        rounded_(inputs_.size()),
        first_(index(shape.rows) * wide_),
        second_(first_.size()),
        out_(first_.size()) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(shape.taps * shape.inputs));
    const std::size_t weights = index(shape.taps) * index(shape.inputs) * index(shape.outputs);
    weights_ = numbers(0, weights, scale);
    biases_ = numbers(1, index(shape.outputs), 1.0f);
    for (int row = 0; row < shape.taps * shape.rows; ++row) {
      const float size = row % 3 == 1 ? 0.01f : 2.0f;
      for (int c = 0; c < shape.inputs; ++c)
        inputs_[index(row) * width_ + index(c)] = size * number(2, index(row), index(c));
    }
  }

  Results run() {
    Results results;
    round(results.inputs);
    const Products& products = packing_.narrow ? packing_.narrow->products : kernels_.float32;
    const Matrix plain = matrix(Matrix::Columns::plain), gate = matrix(Matrix::Columns::gate);
    product(products.store, plain, results.store);
    product(products.add, plain, results.add);
    product(products.rectify_sum, plain, results.rectify_sum);
    product(products.gate, gate, results.gate);
    return results;
  }

 private:
  std::size_t scratch() const {
    if (!packing_.narrow) return 0;
    return index(kScratchRows) * index(shape_.taps) * width_ *
           index(packing_.narrow->scratch_element) / sizeof(float);
  }
  Matrix matrix(Matrix::Columns columns) const {
    const Tensors tensors = [&](const std::string& name, std::size_t) {
      return name == "check/W" ? weights_.data() : biases_.data();
    };
    return Matrix(tensors, "check", packing_, shape_.taps, shape_.inputs, shape_.outputs, columns);
  }
  void round(std::vector<float>& decoded_rows) {
    for (int row = 0; row < shape_.taps * shape_.rows; ++row) {
      float* const from = inputs_.data() + index(row) * width_;
      float& scale = rows_.input_scales[index(row)];
      void* to = from;
      if (packing_.narrow) {
        to = rounded_.data() + index(row) * width_;
        packing_.narrow->round(from, static_cast<int>(width_), to, &scale);
      }
      rows_.input[index(row)] = to;
      for (int c = 0; c < shape_.inputs; ++c)
        decoded_rows.push_back(decoded(to, c, packing_.precision, scale));
    }
  }
  void product(ProductKernel kernel, const Matrix& matrix, std::vector<float>& result) {
    const bool gate = kernel == kernels_.float32.gate ||
                      (packing_.narrow && kernel == packing_.narrow->products.gate);
    for (int r = 0; r < shape_.rows; ++r) {
      for (int c = 0; c < shape_.outputs; ++c) {
        // A panel of the gate holds the same channels of both halves.
        const int half = shape_.outputs / 2, lanes = kernels_.lanes, in_half = c % half;
        const int column =
            gate ? in_half / lanes * 2 * lanes + c / half * lanes + in_half % lanes : c;
        const std::size_t at = index(r) * wide_ + index(column);
        first_[at] = number(3, index(r), index(c));
        second_[at] = 0.5f * number(4, index(r), index(c));
      }
      rows_.first[index(r)] = first_.data() + index(r) * wide_;
      rows_.second[index(r)] = second_.data() + index(r) * wide_;
      rows_.out[index(r)] = out_.data() + index(r) * wide_;
      rows_.narrow[index(r)] = rows_.out[index(r)];
    }
    rows_.run(kernel, matrix, shape_.rows);
    for (int r = 0; r < shape_.rows; ++r)
      for (int c = 0; c < (gate ? shape_.outputs / 2 : shape_.outputs); ++c) {
        const float* const row = out_.data() + index(r) * wide_;
        result.push_back(gate && packing_.narrow ? decoded(row, c, packing_.precision,
                                                           packing_.narrow->gate_step)
                                                 : row[c]);
      }
  }

  const Kernels& kernels_;
  Packing packing_;
  Shape shape_;
  std::size_t width_, wide_;
  Rows rows_;
  std::vector<float> weights_, biases_, inputs_, rounded_, first_, second_, out_;
};

double difference(const std::vector<float>& got, const std::vector<float>& want) {
  double most = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double apart = std::abs(static_cast<double>(got[i]) - want[i]);
    most = apart <= most ? most : apart;  // NaN too
  }
  return most;
}

}  // namespace

Comparison compare(const Kernels& kernels, Precision precision, const Shape& shape) {
  Results got = Trial(kernels, precision, shape).run();
  Results want = Trial(kPortable, precision, shape).run();
  constexpr double close = 2e-5;
  // A gate's output may be rounded to the neighbour.
  const double gate_close = precision == Precision::int8       ? 1.01 / kLevels8
                            : precision == Precision::int16    ? 1.01 / kLevels16
                            : precision == Precision::bfloat16 ? 0.004
                                                               : close;
  const struct {
    const char* name;
    double apart, allowed;
  } kinds[] = {
      {"round", difference(got.inputs, want.inputs), 0},
      {"store", difference(got.store, want.store), close},
      {"add", difference(got.add, want.add), close},
      {"rectify_sum", difference(got.rectify_sum, want.rectify_sum), close},
      {"gate", difference(got.gate, want.gate), gate_close},
  };
  Comparison comparison{true, 0, ""};
  for (const auto& kind : kinds) {
    if (!(kind.apart <= kind.allowed)) return {false, kind.apart, kind.name};
    if (kind.allowed == close && kind.apart >= comparison.worst)
      comparison = {true, kind.apart, kind.name};
  }
  return comparison;
}

void check_kernels(const Kernels& kernels, Precision precision) {
  if (&kernels == &kPortable) return;
  for (const int rows : {1, 2, 19})
    for (const Precision which : {Precision::float32, precision}) {
      const Comparison comparison = compare(kernels, which, {2, 70, 44, rows});
      if (comparison.agrees) continue;
      throw std::runtime_error(std::string("the instruction set '") + kernels.name +
                               "' computes wrongly on this processor (kernel " + comparison.where +
                               " differs from the portable one): choose another");
    }
}

}  // namespace nsynth
