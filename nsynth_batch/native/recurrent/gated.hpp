// Gated recurrent units over many rows at once: what networks over frames are made of.
#pragma once

#include <cstddef>
#include <string>

#include "kernels/buffer.hpp"
#include "kernels/kernels.hpp"
#include "recurrent/rounded.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

// Floats of a row of `count` channels: whole panels, and a vector more for what begins in between.
inline int row_floats(const Packing& packing, int count) {
  return packing.padded(count) + 2 * packing.lanes;
}

// Where a unit's reset gate comes in: on the state before the recurrent product, as published, or
// on the product, as cuDNN's units have it.
enum class Reset { before, after };

// A unit. The input's product has the columns update, reset, candidate; that of `gates` the first
// two.
struct GatedUnit {
  GatedUnit(const Tensors& tensors, const std::string& name, const Packing& packing, int hidden,
            Reset reset = Reset::before);
  Matrix input, gates, candidate;
  Reset reset;
};

// One thread's place for what units compute on the way.
class GatedScratch {
 public:
  GatedScratch(const Packing& packing, int hidden, int rows);
  static std::size_t floats(const Packing& packing, int hidden, int rows);

  // Advances `count` states by a step each. All rows are of row_floats(hidden).
  void step(const Kernels& kernels, const GatedUnit& unit, RoundedRows& rows,
            const float* const* input, float* const* state, int count);

 private:
  // What a unit proposes as its next state, before the curve: a row of row_floats(hidden) each.
  const Buffer& candidates_before(const Kernels& kernels, const GatedUnit& unit, RoundedRows& rows,
                                  const float* const* state, int count);
  const Buffer& candidates_after(const Kernels& kernels, const GatedUnit& unit, RoundedRows& rows,
                                 const float* const* state, int count);
  float* row(const Buffer& buffer, int number, int stride) const {
    return buffer.data() + index(number) * index(stride);
  }

  int hidden_, narrow_, wide_;
  Buffer parts_, gates_, reset_, candidate_;
};

}  // namespace nsynth
