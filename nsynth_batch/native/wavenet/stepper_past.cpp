// The stepper's past taps of each layer, ahead of the samples that they are for.
#include "wavenet/paired.hpp"
#include "wavenet/stepper.hpp"

namespace nsynth {

void Stepper::past_taps(const Member& member, Rows& rows) const {
  for (int i = 0; i < decoder_.config.num_layers; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    const int ahead = block(layer.dilation);
    if (now_ % ahead != 0) continue;
    if (decoder_.paired()) {
      paired_taps(member, rows, i);
      continue;
    }
    const int count = ahead * static_cast<int>(active_.size());
    int at = 0;
    for (int back = layer.lookback; back > 0; back -= layer.dilation)
      for (int step = 0; step < ahead; ++step) {
        // The oldest place of the history is the one that the step will take.
        const Inputs past = history(i, now_ + step + layer.lookback - back);
        for (const int slot : active_) {
          const bool early = slots_[index(slot)].time + step < back;
          const void* const none = decoder_.zeros.data();
          rows.input[index(at)] = early ? none : past[slot];
          if (past.scales) rows.input_scales[index(at)] = early ? 0.0f : past.scales[slot];
          ++at;
        }
      }
    at = 0;
    for (int step = 0; step < ahead; ++step)
      for (const int slot : active_) rows.out[index(at++)] = partial(i, step)[slot];
    const auto [begin, end] = member.share(layer.past.panels());
    rows.run(decoder_.products().store, layer.past, count, begin, end);
  }
}

void Stepper::paired_taps(const Member& member, Rows& rows, int i) const {
  const DecoderLayer& layer = decoder_.layers[index(i)];
  const PairedTaps& taps = layer.paired;
  const int dilation = layer.dilation;
  const auto [begin, end] = member.share(taps.sum.panels());
  int count = 0;
  const auto run = [&](ProductKernel kernel, const Matrix& matrix) {
    rows.run(kernel, matrix, count, begin, end);
    count = 0;
  };
  const auto each = [&](bool opens, const auto& take) {
    for (int step = 0; step < block(dilation); ++step)
      for (const int slot : active_) {
        const std::int64_t time = slots_[index(slot)].time + step;
        if (opens_pair(time, dilation) == opens) take(step, slot, time);
      }
  };
  // The history holds 2d steps: the place of 2d ago is the one that the step will take.
  const auto older = [&](int step, int slot, std::int64_t time) {
    return time < 2 * dilation ? decoder_.zeros.data()
                               : reinterpret_cast<const float*>(history(i, now_ + step)[slot]);
  };
  const auto old = [&](int step, int slot, std::int64_t time) {
    return time < dilation
               ? decoder_.zeros.data()
               : reinterpret_cast<const float*>(history(i, now_ + step + dilation)[slot]);
  };

  each(true, [&](int step, int slot, std::int64_t time) {
    rows.input[index(count)] = old(step, slot, time);
    rows.out[index(count)] = kept(i, now_ + step)[slot];
    ++count;
  });
  run(kernels_.float32.store, taps.sum);
  float* const own =
      region(layout_.differences, 0, decoder_.width)[member.index * kDifferences];
  for (const bool opens : {true, false}) {
    const Matrix& tap = opens ? taps.older : taps.old;
    each(opens, [&](int step, int slot, std::int64_t time) {
      float* const difference = own + index(count) * index(decoder_.width);
      const float* const x0 = older(step, slot, time);
      const float* const x1 = old(step, slot, time);
      subtract(opens ? x0 : x1, opens ? x1 : x0, difference, decoder_.width);
      rows.input[index(count)] = difference;
      rows.first[index(count)] = kept(i, now_ + step)[slot];
      rows.out[index(count)] = partial(i, step)[slot];
      if (++count == kDifferences) run(kernels_.float32.add, tap);
    });
    run(kernels_.float32.add, tap);
  }
}

// What the pairs share that are half made: a pass keeps none of it.
void Stepper::restore_kept(int slot) {
  Rows& rows = rows_.front();
  const std::size_t most = rows.out.size();
  for (int layer = 0; layer < decoder_.config.num_layers; ++layer) {
    const int dilation = decoder_.layers[index(layer)].dilation;
    const Matrix& sum = decoder_.layers[index(layer)].paired.sum;
    std::size_t count = 0;
    const auto run = [&] {
      rows.run(kernels_.float32.store, sum, static_cast<int>(count));
      count = 0;
    };
    for (int i = 0; i < dilation; ++i) {
      const std::int64_t time = slots_[index(slot)].time - dilation + i;
      if (time < 0 || !opens_pair(time, dilation)) continue;
      rows.input[count] = history(layer, now_ + i)[slot];  // of a dilation before that time
      rows.out[count] = kept(layer, now_ + i)[slot];
      if (++count == most) run();
    }
    run();
  }
}

}  // namespace nsynth
