// Every product of an instruction set and a precision against sums taken one by one, bit for bit,
// and against itself with other numbers of rows and panels.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "checks.hpp"
#include "trial.hpp"

namespace nsynth {
namespace {

bool same(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// The gate of a sum as this instruction set has it.
float own_gate(const Kernels& kernels, float low, float high) {
  const int wide = 2 * kernels.lanes;
  Aligned weights(count(wide) * sizeof(float));
  std::memset(weights.data(), 0, weights.size());
  std::vector<float> first(count(wide), 0.0f), second(count(wide), 0.0f), out(count(wide));
  first[0] = low;
  first[count(kernels.lanes)] = high;
  const float x = 0;
  const void* input = &x;
  const float *first_row = first.data(), *second_row = second.data();
  float* out_row = out.data();
  Product job;
  job.weights = weights.data();
  job.bias = first_row;
  job.depth = job.rows = job.panel_end = 1;
  job.input = &input;
  job.first = &first_row;
  job.second = &second_row;
  job.out = &out_row;
  kernels.float32.gate(job);
  const double want =
      std::tanh(static_cast<double>(high)) / (1 + std::exp(-static_cast<double>(low)));
  check(std::abs(static_cast<double>(out[0]) - want) <= 4e-7 * std::abs(want) + 1e-9,
        "gate(%g, %g) is %.9g, not %.9g", low, high, out[0], want);
  return out[0];
}

// The gate's output as it is stored.
void check_gate(const Trial& trial, const Trial::Result& result, int row, int panel, int lane) {
  const Kernels& kernels = trial.kernels();
  const int low = panel * trial.wide() + lane, high = low + kernels.lanes;
  const int channel = panel * kernels.lanes + lane;
  const float z_low = trial.sum(trial.first(row, low) + trial.second(row, low), row, low);
  const float z_high = trial.sum(trial.first(row, high) + trial.second(row, high), row, high);
  const float gate = own_gate(kernels, z_low, z_high);
  const Format& format = trial.format();
  if (!format.narrow) {
    const float got = result.out[count(row * trial.columns() + channel)];
    check(same(got, gate), "gate: row %d channel %d is %.9g, not %.9g", row, channel, got, gate);
    return;
  }
  const unsigned char* at =
      &result.narrow[count(row * trial.columns() * 4 + channel * format.element())];
  if (format.exact()) {
    std::int16_t wide = static_cast<signed char>(*at);
    if (format.element() == 2) std::memcpy(&wide, at, sizeof wide);
    const float want = nearest(gate * static_cast<float>(format.largest));
    check(static_cast<float>(wide) == want, "gate: row %d channel %d is %d, not %g", row, channel,
          wide, want);
    return;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  const std::uint16_t want = to_bfloat16(gate);
  check(bits == want, "gate: row %d channel %d is %04x, not %04x", row, channel, bits, want);
}

void check_values(Trial& trial, Random& random) {
  const Shape& shape = trial.shape();
  const Products& products = *trial.format().products;
  const Trial::Result stored = trial.run(products.store, 0, shape.rows, 0, shape.panels);
  const Trial::Result added = trial.run(products.add, 0, shape.rows, 0, shape.panels);
  const Trial::Result gated = trial.run(products.gate, 0, shape.rows, 0, shape.panels);
  const Trial::Result cut = trial.run(products.rectify_sum, 0, shape.rows, 0, shape.panels);
  for (int i = 0; i < 60; ++i) {
    const int row = i == 0 ? 0 : random.below(shape.rows);
    const int column = i == 0 ? 0 : random.below(trial.columns());
    const std::size_t at = count(row * trial.columns() + column);
    const float sum = trial.sum(trial.bias(column), row, column);
    const float total = trial.first(row, column) + sum;
    const float positive = total < 0 ? 0 : total;
    const auto expect = [&](const char* what, float got, float want) {
      check(same(got, want), "%s: row %d column %d is %.9g, not %.9g",
            what, row, column, got, want);
    };
    expect("store", stored.out[at], sum);
    expect("add", added.out[at], total);
    expect("rectify_sum", cut.out[at], positive);
    if (i < 20)
      check_gate(trial, gated, row, random.below(shape.panels),
                 random.below(trial.kernels().lanes));
  }
}

// A row's bits are the same whatever rows and panels are computed with it, and nothing else is
// written.
void check_apart(Trial& trial, ProductKernel kernel, Random& random) {
  const Shape& shape = trial.shape();
  const Trial::Result whole = trial.run(kernel, 0, shape.rows, 0, shape.panels);
  const Trial::Result untouched = trial.run(kernel, 0, 1, 0, 0);
  const int columns = trial.columns();
  for (int attempt = 0; attempt < 6; ++attempt) {
    const int rows = attempt < 3 ? std::min(attempt + 1, shape.rows) : 1 + random.below(shape.rows);
    const int begin = random.below(shape.rows - rows + 1);
    const int low = random.below(shape.panels), high = low + 1 + random.below(shape.panels - low);
    const Trial::Result part = trial.run(kernel, begin, rows, low, high);
    Trial::Result want = untouched;
    // The gate's panels give half as many channels, one beside the other.
    const bool gates = kernel == trial.format().products->gate;
    const int wide = gates ? trial.kernels().lanes : trial.wide();
    const int element = trial.format().element();
    for (int r = begin; r < begin + rows; ++r) {
      const auto copy = [&](auto& to, const auto& from, int row_size, int size) {
        const auto at = from.begin() + r * row_size + low * wide * size;
        std::copy_n(at, (high - low) * wide * size, to.begin() + (at - from.begin()));
      };
      copy(want.out, whole.out, columns, 1);
      copy(want.narrow, whole.narrow, columns * 4, element);
    }
    check(part == want, "rows %d to %d of panels %d to %d differ, or more was written", begin,
          begin + rows, low, high);
  }
}

}  // namespace

void check_products(const Kernels& kernels, Precision precision) {
  constexpr Shape shapes[] = {{1, 1, 1, 1},   {1, 3, 1, 5},    {3, 5, 2, 16},  {1, 16, 3, 17},
                              {2, 33, 5, 31}, {1, 64, 2, 130}, {2, 100, 2, 9}, {3, 200, 1, 40},
                              {1, 512, 1, 34}};
  Random random(static_cast<std::uint64_t>(precision) + 1);
  for (const Shape& shape : shapes) {
    Trial trial(kernels, format_of(kernels, precision), shape, random);
    check_values(trial, random);
    const Products& products = *trial.format().products;
    for (const ProductKernel kernel :
         {products.store, products.gate, products.add, products.rectify_sum})
      check_apart(trial, kernel, random);
  }
}

}  // namespace nsynth
