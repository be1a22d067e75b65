#include "wavenet/stepper.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "wavenet/forward.hpp"

namespace nsynth {

namespace {

constexpr float kInputScale = 1.0f / 128;

}  // namespace

Stepper::Layout::Layout(const Decoder& decoder, std::size_t slots, std::size_t threads) {
  std::size_t at = 0;
  const auto take = [&at](std::size_t count) {
    const std::size_t begin = at;
    at += (count + 15) / 16 * 16;
    return begin;
  };
  const std::size_t width = index(decoder.width), skips = index(decoder.skip_width);
  const std::size_t row = decoder.row_bytes() / sizeof(float);
  for (const DecoderLayer& layer : decoder.layers) {
    history.push_back(take(index(layer.lookback) * slots * row));
    scales.push_back(take(decoder.scaled() ? index(layer.lookback) * slots : 0));
  }
  for (const DecoderLayer& layer : decoder.layers)
    kept.push_back(take(decoder.paired() ? index(layer.dilation) * slots * 2 * width : 0));
  for (const DecoderLayer& layer : decoder.layers)
    partial.push_back(take(index(block(layer.dilation)) * slots * 2 * width));
  differences = take(decoder.paired() ? threads * kDifferences * width : 0);
  condition = take(decoder.layers.size() * slots * 2 * width);
  condition_out1 = take(slots * skips);
  const bool narrow = decoder.packing.narrow;
  stream = take(narrow ? slots * width : 0);
  rounded = take(narrow && threads > 1 ? threads * slots * row : 0);
  rounded_scales = take(narrow && threads > 1 ? threads * slots : 0);
  gated = take(slots * decoder.gates_a_row() * row);
  skip = take(slots * skips);
  hidden = take(slots * skips);
  logits = take(slots * kQuanta);
  inputs = take(slots * kTaps);
  floats = at;
}

std::size_t Stepper::bytes(const Decoder& decoder, int slots, int threads) {
  const std::size_t scratch = index(threads) * Rows::scratch_floats(decoder);
  return (Layout(decoder, index(slots), index(threads)).floats + scratch) * sizeof(float);
}

Stepper::Stepper(const Decoder& decoder, int slots, int threads)
    : decoder_(decoder),
      kernels_(*decoder.kernels),
      slots_(index(slots)),
      layout_(decoder, index(slots), index(threads)),
      state_(layout_.floats) {
  active_.reserve(index(slots));
  for (int i = 0; i < threads; ++i)
    rows_.emplace_back(index(slots * kBlock), Rows::scratch_floats(decoder));
}

Stepper::Region Stepper::region(std::size_t begin, std::size_t number, int width) const {
  return {state_.data() + begin + number * slots_.size() * index(width), index(width)};
}

Stepper::Inputs Stepper::inputs(std::size_t begin, std::size_t scales, std::size_t number) const {
  const std::size_t width = decoder_.row_bytes(), row = number * slots_.size();
  return {reinterpret_cast<unsigned char*>(state_.data() + begin) + row * width, width,
          decoder_.scaled() ? state_.data() + scales + row : nullptr};
}

Stepper::Inputs Stepper::history(int layer, std::int64_t step) const {
  const std::size_t length = index(decoder_.layers[index(layer)].lookback);
  const std::size_t place = static_cast<std::size_t>(step) % length;
  return inputs(layout_.history[index(layer)], layout_.scales[index(layer)], place);
}

Stepper::Inputs Stepper::gated(int layer) const {
  const std::size_t width = decoder_.row_bytes(), gates = decoder_.gates_a_row();
  const std::size_t place = gates == 1 ? 0 : index(layer);
  auto* const begin = reinterpret_cast<unsigned char*>(state_.data() + layout_.gated);
  return {begin + place * width, gates * width, nullptr};
}

Stepper::Region Stepper::stream(int layer) const {
  if (decoder_.packing.narrow) return region(layout_.stream, 0, decoder_.width);
  return {reinterpret_cast<float*>(history(layer, now_).begin), index(decoder_.width)};
}

Stepper::Region Stepper::partial(int layer, int ahead) const {
  return region(layout_.partial[index(layer)], index(ahead), 2 * decoder_.width);
}

Stepper::Region Stepper::kept(int layer, std::int64_t step) const {
  const std::size_t length = index(decoder_.layers[index(layer)].dilation);
  return region(layout_.kept[index(layer)], static_cast<std::size_t>(step) % length,
                2 * decoder_.width);
}

Stepper::Region Stepper::condition(int layer) const {
  return region(layout_.condition, index(layer), 2 * decoder_.width);
}

template <class Pointer, class From>
void Stepper::gather(std::vector<Pointer>& pointers, const From& from) const {
  for (std::size_t r = 0; r < active_.size(); ++r) pointers[r] = from[active_[r]];
}

bool Stepper::idle() const { return active_.empty(); }

void Stepper::admit(int slot, Clip* clip) {
  slots_[index(slot)] = Slot{clip, clip->begin};
  active_.push_back(slot);
  std::sort(active_.begin(), active_.end());
  float* inputs = region(layout_.inputs, 0, kTaps)[slot];
  for (int tap = 0; tap < kTaps; ++tap) {
    const std::int64_t from = clip->begin - kTaps + tap;
    inputs[tap] = from < 0 ? 0.0f : static_cast<float>(clip->codes[from]) * kInputScale;
  }
}

void Stepper::restore(int slot, const Forward& pass) {
  for (int layer = 0; layer < decoder_.config.num_layers; ++layer) {
    const int length = decoder_.layers[index(layer)].lookback;
    for (int i = 0; i < length; ++i) {  // now_ + i is the same place as now_ + i - length
      const Inputs place = history(layer, now_ + i);
      std::memcpy(place[slot], pass.history(layer, i), place.width);
      if (place.scales) place.scales[slot] = pass.scale(layer, i);
    }
  }
  if (decoder_.paired()) restore_kept(slot);
}

void Stepper::advance() {
  for (const int slot : active_) {
    Slot& place = slots_[index(slot)];
    if (!place.clip->finite) {
      place = Slot{};
      continue;
    }
    ++place.time;
    place.clip->made.store(place.time, std::memory_order_release);
    if (place.time == place.clip->samples) place = Slot{};
  }
  const auto left = [this](int slot) { return !slots_[index(slot)].clip; };
  active_.erase(std::remove_if(active_.begin(), active_.end(), left), active_.end());
  ++now_;
  if (active_.empty()) now_ = (now_ + kBlock - 1) / kBlock * kBlock;
}

void Stepper::condition_frames(const Member& member, Rows& rows) const {
  const Config& config = decoder_.config;
  int count = 0;
  const auto each_due = [&](const Region& out) {
    count = 0;
    for (const int slot : active_) {
      const Slot& place = slots_[index(slot)];
      // A clip that resumes begins in the middle of a frame.
      if (place.time % config.ae_hop_length != 0 && place.time != place.clip->begin) continue;
      rows.input[index(count)] =
          place.clip->encoding + place.time / config.ae_hop_length * config.ae_bottleneck;
      rows.out[index(count)] = out[slot];
      ++count;
    }
  };
  const auto run = [&](const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernels_.float32.store, matrix, count, begin, end);
  };
  for (int layer = 0; layer < config.num_layers; ++layer) {
    each_due(condition(layer));
    if (count == 0) return;
    run(decoder_.layers[index(layer)].condition);
  }
  each_due(region(layout_.condition_out1, 0, decoder_.skip_width));
  run(decoder_.condition_out1);
}

// Members that share a layer would have to wait for the rows that others round, so each rounds all
// of them for itself; its share of them is what the history keeps.
void Stepper::round_inputs(const Member& member, Rows& rows, int layer) const {
  const Inputs kept = history(layer, now_);
  const Narrow* const narrow = decoder_.packing.narrow;
  if (!narrow) {
    gather(rows.input, kept);
    return;
  }
  const bool alone = member.count == 1;
  const Inputs own =
      alone ? kept : inputs(layout_.rounded, layout_.rounded_scales, index(member.index));
  const Region from = stream(layer);
  const int count = static_cast<int>(active_.size());
  const auto [begin, end] = member.share(count);
  for (int r = 0; r < count; ++r) {
    const int slot = active_[index(r)];
    float* const scale = &rows.input_scales[index(r)];
    narrow->round(from[slot], decoder_.width, own[slot], scale);
    rows.input[index(r)] = own[slot];
    if (r < begin || r >= end) continue;
    if (kept.scales) kept.scales[slot] = *scale;
    if (!alone) std::memcpy(kept[slot], own[slot], kept.width);
  }
}

void Stepper::layers(const Member& member, Rows& rows) const {
  const int count = static_cast<int>(active_.size());
  const int last = decoder_.config.num_layers - 1;
  const Products& products = decoder_.products();
  const Narrow* const narrow = decoder_.packing.narrow;
  const auto run = [&](ProductKernel kernel, const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernel, matrix, count, begin, end);
  };

  Region samples = region(layout_.inputs, 0, kTaps);
  samples.begin += decoder_.first_tap();
  const Region skip = region(layout_.skip, 0, decoder_.skip_width);
  gather(rows.input, samples);
  gather(rows.out, stream(0));
  run(kernels_.float32.store, decoder_.start);
  member.wait();
  gather(rows.input, stream(0));
  gather(rows.out, skip);
  run(kernels_.float32.store, decoder_.skip_start);

  for (int i = 0; i <= last; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    const Inputs gated = this->gated(i);
    round_inputs(member, rows, i);
    if (i == last) mark_not_finite(member, rows);
    gather(rows.first, partial(i, static_cast<int>(now_ % block(layer.dilation))));
    gather(rows.second, condition(i));
    for (int r = 0; r < count; ++r) {
      // In float32 the gate's output goes the one way, else the other.
      rows.narrow[index(r)] = gated[active_[index(r)]];
      rows.out[index(r)] = static_cast<float*>(rows.narrow[index(r)]);
    }
    run(products.gate, layer.now);
    member.wait();
    gather(rows.input, gated);
    if (narrow) std::fill_n(rows.input_scales.begin(), count, narrow->gate_step);
    if (i < last) {
      gather(rows.first, stream(i));
      gather(rows.out, stream(i + 1));
      run(products.add, layer.residual);
    }
    if (decoder_.joined()) {
      if (i < last) member.wait();
      continue;
    }
    gather(rows.first, skip);
    gather(rows.out, skip);
    run(i < last ? products.add : products.rectify_sum, layer.skip);
    member.wait();
  }
  if (!decoder_.joined()) return;
  gather(rows.input, gated(0));
  gather(rows.first, skip);
  gather(rows.out, skip);
  run(products.rectify_sum, decoder_.skips);
  member.wait();
}

// Integers know no NaN: a row that has become so by the last layer passes it on to its skip sum.
void Stepper::mark_not_finite(const Member& member, const Rows& rows) const {
  if (!decoder_.scaled()) return;
  const auto [begin, end] = member.share(decoder_.layers.back().skip.panels());
  if (begin > 0 || end == 0) return;  // the first column is another member's
  const Region skip = region(layout_.skip, 0, decoder_.skip_width);
  for (std::size_t r = 0; r < active_.size(); ++r)
    if (!std::isfinite(rows.input_scales[r]))
      skip[active_[r]][0] = std::numeric_limits<float>::quiet_NaN();
}

void Stepper::head(const Member& member, Rows& rows) const {
  const auto run = [&](ProductKernel kernel, const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernel, matrix, static_cast<int>(active_.size()), begin, end);
    member.wait();
  };
  const Region hidden = region(layout_.hidden, 0, decoder_.skip_width);
  gather(rows.input, region(layout_.skip, 0, decoder_.skip_width));
  gather(rows.first, region(layout_.condition_out1, 0, decoder_.skip_width));
  gather(rows.out, hidden);
  run(kernels_.float32.rectify_sum, decoder_.out1);
  gather(rows.input, hidden);
  gather(rows.out, region(layout_.logits, 0, kQuanta));
  run(kernels_.float32.store, decoder_.logits);
}

void Stepper::draw(const Member& member, float temperature) {
  const Region logits = region(layout_.logits, 0, kQuanta);
  const Region inputs = region(layout_.inputs, 0, kTaps);
  const auto [begin, end] = member.share(static_cast<int>(active_.size()));
  for (int r = begin; r < end; ++r) {
    const int slot = active_[index(r)];
    const Slot& place = slots_[index(slot)];
    const float uniform = place.clip->uniforms[place.time - place.clip->begin];
    const int bin = kernels_.sample(logits[slot], temperature, uniform);
    if (bin < 0) place.clip->finite = false;
    const int code = bin < 0 ? 0 : bin - kQuanta / 2;
    place.clip->codes[place.time] = static_cast<std::int16_t>(code);
    float* input = inputs[slot];
    std::copy(input + 1, input + kTaps, input);
    input[kTaps - 1] = static_cast<float>(code) * kInputScale;
  }
  member.wait();
}

void Stepper::step(const Member& member, float temperature) {
  Rows& rows = rows_[index(member.index)];
  condition_frames(member, rows);
  past_taps(member, rows);
  // Only now may the oldest step of each history be overwritten.
  member.wait();
  layers(member, rows);
  head(member, rows);
  draw(member, temperature);
}

}  // namespace nsynth
