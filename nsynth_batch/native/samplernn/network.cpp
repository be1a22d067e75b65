#include "samplernn/network.hpp"

#include <algorithm>
#include <string>

#include "kernels/pointers.hpp"

namespace nsynth {

namespace {

Buffer zeros_of(std::size_t floats) {
  Buffer buffer(floats);
  std::fill_n(buffer.data(), floats, 0.0f);
  return buffer;
}

}  // namespace

SampleNetwork::SampleNetwork(const SampleSizes& s, const Tensors& tensors, const Kernels& k,
                             Precision precision)
    : sizes(s), kernels(&k), packing(k, precision) {
  const Packing wide_packing = packing.in_float32();
  const int wide = row(s.hidden);
  for (int t = 0; t < s.tiers(); ++t) {
    const std::string name = "tier_" + std::to_string(t + 1);
    Tier tier;
    tier.input = Matrix(tensors, name + "/input", wide_packing, 1, s.frames[index(t)], s.hidden);
    tier.begin = zeros_of(index(s.layers) * index(wide));
    const float* const begin =
        tensors(name + "/begin", index(s.layers) * index(s.hidden));
    for (int i = 0; i < s.layers; ++i) {
      tier.units.emplace_back(tensors, name + "/gru_" + std::to_string(i + 1), packing, s.hidden,
                              s.reset);
      std::copy_n(begin + index(i) * index(s.hidden), s.hidden,
                  tier.begin.data() + index(i) * index(wide));
    }
    tier.up = Matrix(tensors, name + "/up", packing, 1, s.hidden, s.ratio(t) * s.hidden);
    tiers.push_back(std::move(tier));
  }
  hidden = Matrix(tensors, "hidden", packing, 1, s.hidden, s.hidden);
  logits = Matrix(tensors, "logits", packing, 1, s.hidden, kQuanta);
  zeros = zeros_of(index(wide));

  tables = zeros_of(index(s.shortest()) * kQuanta * index(wide));
  const float* const embedding = tensors("embedding", kQuanta * index(s.embedding));
  Rows rows(kQuanta);
  for (int place = 0; place < s.shortest(); ++place) {
    const Matrix layer(tensors, "samples", wide_packing, s.shortest(), s.embedding, s.hidden,
                       Matrix::Columns::plain, place, place + 1);
    for (int q = 0; q < kQuanta; ++q) {
      rows.input[index(q)] = embedding + index(q) * index(s.embedding);
      rows.out[index(q)] = tables.data() + (index(place) * kQuanta + index(q)) * index(wide);
    }
    rows.run(k.float32.store, layer, kQuanta);
  }
}

}  // namespace nsynth
