// A SampleRNN: tiers of gated units over frames, the slowest first, each of which conditions the
// next; and a network that predicts each sample from the last few and the fastest tier.
#pragma once

#include <vector>

#include "kernels/kernels.hpp"
#include "recurrent/gated.hpp"
#include "wavenet/network.hpp"

namespace nsynth {

struct SampleSizes {
  std::vector<int> frames;  // samples of a frame of each tier; each is a multiple of the next
  int hidden, layers, embedding;
  bool skips;  // a tier's input goes to each of its units, and its output is the sum of them all
  Reset reset;

  int tiers() const { return static_cast<int>(frames.size()); }
  int longest() const { return frames.front(); }
  int shortest() const { return frames.back(); }
  // How many frames of the next tier, or samples, a frame of a tier conditions.
  int ratio(int tier) const {
    return frames[static_cast<std::size_t>(tier)] /
           (tier + 1 < tiers() ? frames[static_cast<std::size_t>(tier) + 1] : 1);
  }
};

struct Tier {
  Matrix input;  // a frame
  std::vector<GatedUnit> units;
  Matrix up;     // [ratio][hidden] outputs
  Buffer begin;  // [layers][row], the states before a clip's first frame
};

struct SampleNetwork {
  SampleNetwork(const SampleSizes& sizes, const Tensors& tensors, const Kernels& kernels,
                Precision precision);

  int row(int count) const { return row_floats(packing, count); }
  // What a code says at a place of the last `shortest` samples, the oldest first: the embedding
  // and the layer after it in one row.
  const float* table(int place, int code) const {
    return tables.data() +
           (static_cast<std::size_t>(place) * kQuanta + static_cast<std::size_t>(code + kQuanta / 2)) *
               static_cast<std::size_t>(row(sizes.hidden));
  }

  SampleSizes sizes;
  const Kernels* kernels;
  Packing packing;  // of all products but a frame's
  std::vector<Tier> tiers;
  Buffer tables;
  Matrix hidden, logits;
  Buffer zeros;  // a row of them
};

}  // namespace nsynth
