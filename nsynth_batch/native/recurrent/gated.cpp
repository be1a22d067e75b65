#include "recurrent/gated.hpp"

#include <algorithm>

namespace nsynth {

GatedUnit::GatedUnit(const Tensors& tensors, const std::string& name, const Packing& packing,
                     int hidden, Reset reset_at)
    : input(tensors, name + "/input", packing, 1, hidden, 3 * hidden),
      gates(tensors, name + "/gates", packing, 1, hidden, 2 * hidden),
      candidate(tensors, name + "/candidate", packing, 1, hidden, hidden),
      reset(reset_at) {}

std::size_t GatedScratch::floats(const Packing& packing, int hidden, int rows) {
  return 2 * index(rows) *
         index(row_floats(packing, 3 * hidden) + row_floats(packing, hidden));
}

GatedScratch::GatedScratch(const Packing& packing, int hidden, int rows)
    : hidden_(hidden),
      narrow_(row_floats(packing, hidden)),
      wide_(row_floats(packing, 3 * hidden)),
      parts_(index(rows) * index(wide_)),
      gates_(index(rows) * index(wide_)),
      reset_(index(rows) * index(narrow_)),
      candidate_(index(rows) * index(narrow_)) {
  // The padding is computed with, and has to be numbers.
  for (const Buffer* buffer : {&parts_, &gates_, &reset_, &candidate_})
    std::fill_n(buffer->data(), buffer->size(), 0.0f);
}

void GatedScratch::step(const Kernels& kernels, const GatedUnit& unit, RoundedRows& rows,
                        const float* const* input, float* const* state, int count) {
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = input[r];
    rows.out[index(r)] = row(parts_, r, wide_);
  }
  rows.run(&Products::store, unit.input, count);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = state[r];
    rows.first[index(r)] = row(parts_, r, wide_);
    rows.out[index(r)] = row(gates_, r, wide_);
  }
  rows.run(&Products::add, unit.gates, count);
  const Buffer& candidates = unit.reset == Reset::before
                                 ? candidates_before(kernels, unit, rows, state, count)
                                 : candidates_after(kernels, unit, rows, state, count);
  for (int r = 0; r < count; ++r)
    kernels.recurrent.update(row(gates_, r, wide_), row(candidates, r, narrow_), hidden_, state[r]);
}

const Buffer& GatedScratch::candidates_before(const Kernels& kernels, const GatedUnit& unit,
                                              RoundedRows& rows, const float* const* state,
                                              int count) {
  for (int r = 0; r < count; ++r) {
    kernels.recurrent.reset(row(gates_, r, wide_) + hidden_, state[r], hidden_,
                            row(reset_, r, narrow_));
    rows.input[index(r)] = row(reset_, r, narrow_);
    rows.first[index(r)] = row(parts_, r, wide_) + 2 * hidden_;
    rows.out[index(r)] = row(candidate_, r, narrow_);
  }
  rows.run(&Products::add, unit.candidate, count);
  return candidate_;
}

const Buffer& GatedScratch::candidates_after(const Kernels& kernels, const GatedUnit& unit,
                                             RoundedRows& rows, const float* const* state,
                                             int count) {
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = state[r];
    rows.out[index(r)] = row(candidate_, r, narrow_);
  }
  rows.run(&Products::store, unit.candidate, count);
  for (int r = 0; r < count; ++r) {
    float* const candidate = row(reset_, r, narrow_);
    const float* const part = row(parts_, r, wide_) + 2 * hidden_;
    kernels.recurrent.reset(row(gates_, r, wide_) + hidden_, row(candidate_, r, narrow_), hidden_,
                            candidate);
    for (int i = 0; i < hidden_; ++i) candidate[i] += part[i];
  }
  return reset_;
}

}  // namespace nsynth
