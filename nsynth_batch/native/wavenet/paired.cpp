#include "wavenet/paired.hpp"

#include <cstring>
#include <vector>

namespace nsynth {

namespace {

// Of a size that every processor has: a compiler left to itself may compare one by one.
typedef float Vector __attribute__((vector_size(16)));
constexpr int kVector = 4;

Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

Vector rectified(const float* from) {
  const Vector v = load(from);
  return v < Vector{} ? Vector{} : v;
}

void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }

// A convolution whose taps are to be mixed into one.
struct Mixer {
  Mixer(const Tensors& tensors, const std::string& name, const Packing& packing, int inputs,
        int outputs, Matrix::Columns columns)
      : name(name),
        packing(packing),
        columns(columns),
        inputs(inputs),
        outputs(outputs),
        tap(static_cast<std::size_t>(inputs) * static_cast<std::size_t>(outputs)),
        weights(tensors(name + "/W", kTaps * tap)),
        biases(tensors(name + "/biases", static_cast<std::size_t>(outputs))),
        none(static_cast<std::size_t>(outputs)) {}

  // So much of each tap.
  Matrix mix(double first, double second, double third, bool biased) const {
    std::vector<float> mixed(tap);
    for (std::size_t i = 0; i < tap; ++i)
      mixed[i] = static_cast<float>(first * weights[i] + second * weights[tap + i] +
                                    third * weights[2 * tap + i]);
    const Tensors one = [&](const std::string& tensor, std::size_t) {
      return tensor.ends_with("/W") ? mixed.data() : biased ? biases : none.data();
    };
    return Matrix(one, name, packing, 1, inputs, outputs, columns);
  }

  const std::string& name;
  const Packing& packing;
  const Matrix::Columns columns;
  const int inputs, outputs;
  const std::size_t tap;
  const float* const weights;
  const float* const biases;
  const std::vector<float> none;
};

}  // namespace

PairedConvolution::PairedConvolution(const Tensors& tensors, const std::string& name,
                                     const Packing& packing, int inputs, int outputs) {
  const Mixer taps(tensors, name, packing, inputs, outputs, Matrix::Columns::plain);
  earlier = taps.mix(1, 0, 0, true);
  sum = taps.mix(0.5, 0.5, 0.5, false);
  difference = taps.mix(0.5, -0.5, 0.5, false);
  later = taps.mix(0, 0, 1, true);
}

PairedTaps::PairedTaps(const Tensors& tensors, const std::string& name, const Packing& packing,
                       int inputs, int outputs, Matrix::Columns columns) {
  const Mixer taps(tensors, name, packing, inputs, outputs, columns);
  sum = taps.mix(1, 1, 0, true);
  older = taps.mix(1, 0, 0, false);
  old = taps.mix(0, 1, 0, false);
}

void subtract(const float* a, const float* b, float* out, int channels) {
  for (int i = 0; i < channels; i += kVector) store(out + i, load(a + i) - load(b + i));
}

void spread(const float* const x[4], float* const out[4], int channels) {
  for (int i = 0; i < channels; i += kVector) {
    const Vector x0 = rectified(x[0] + i), x1 = rectified(x[1] + i);
    const Vector x2 = rectified(x[2] + i), x3 = rectified(x[3] + i);
    store(out[0] + i, x0 - x2);
    store(out[1] + i, x1 + x2);
    store(out[2] + i, x2 - x1);
    store(out[3] + i, x3 - x1);
  }
}

void join(float* m, float* n, int channels) {
  for (int i = 0; i < channels; i += kVector) {
    const Vector even = load(m + i), odd = load(n + i);
    store(m + i, even + odd);
    store(n + i, even - odd);
  }
}

}  // namespace nsynth
