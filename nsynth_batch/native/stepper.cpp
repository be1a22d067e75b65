#include "stepper.hpp"

#include <algorithm>
#include <cstring>

#include "forward.hpp"

namespace nsynth {

namespace {

constexpr float kInputScale = 1.0f / 128;

std::size_t index(int i) { return static_cast<std::size_t>(i); }

}  // namespace

Stepper::Layout::Layout(const Decoder& decoder, std::size_t slots) {
  std::size_t at = 0;
  const auto take = [&at](std::size_t count) {
    const std::size_t begin = at;
    at += (count + 15) / 16 * 16;
    return begin;
  };
  const std::size_t width = index(decoder.width), skips = index(decoder.skip_width);
  for (const DecoderLayer& layer : decoder.layers)
    history.push_back(take(index(2 * layer.dilation) * slots * width));
  for (const DecoderLayer& layer : decoder.layers)
    partial.push_back(take(index(block(layer.dilation)) * slots * 2 * width));
  condition = take(decoder.layers.size() * slots * 2 * width);
  condition_out1 = take(slots * skips);
  gated = take(slots * width);
  skip = take(slots * skips);
  hidden = take(slots * skips);
  logits = take(slots * kQuanta);
  inputs = take(slots * kTaps);
  floats = at;
}

std::size_t Stepper::bytes(const Decoder& decoder, int slots) {
  return Layout(decoder, index(slots)).floats * sizeof(float);
}

Stepper::Stepper(const Decoder& decoder, int slots, int threads)
    : decoder_(decoder),
      kernels_(*decoder.kernels),
      slots_(index(slots)),
      layout_(decoder, index(slots)),
      state_(layout_.floats) {
  active_.reserve(index(slots));
  for (int i = 0; i < threads; ++i) rows_.emplace_back(index(slots * kBlock));
}

Stepper::Region Stepper::region(std::size_t begin, std::size_t number, int width) const {
  return {state_.data() + begin + number * slots_.size() * index(width), index(width)};
}

Stepper::Region Stepper::history(int layer, std::int64_t step) const {
  const std::size_t length = index(2 * decoder_.layers[index(layer)].dilation);
  const std::size_t place = static_cast<std::size_t>(step) % length;
  return region(layout_.history[index(layer)], place, decoder_.width);
}

Stepper::Region Stepper::partial(int layer, int ahead) const {
  return region(layout_.partial[index(layer)], index(ahead), 2 * decoder_.width);
}

Stepper::Region Stepper::condition(int layer) const {
  return region(layout_.condition, index(layer), 2 * decoder_.width);
}

template <class Pointer>
void Stepper::gather(std::vector<Pointer>& pointers, const Region& from) const {
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
  const std::size_t bytes = index(decoder_.width) * sizeof(float);
  for (int layer = 0; layer < decoder_.config.num_layers; ++layer) {
    const int length = 2 * decoder_.layers[index(layer)].dilation;
    for (int i = 0; i < length; ++i)  // now_ + i is the same place as now_ + i - length
      std::memcpy(history(layer, now_ + i)[slot], pass.history(layer, i), bytes);
  }
}

void Stepper::advance() {
  for (const int slot : active_) {
    Slot& place = slots_[index(slot)];
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
    rows.run(kernels_.store, matrix, count, begin, end);
  };
  for (int layer = 0; layer < config.num_layers; ++layer) {
    each_due(condition(layer));
    if (count == 0) return;
    run(decoder_.layers[index(layer)].condition);
  }
  each_due(region(layout_.condition_out1, 0, decoder_.skip_width));
  run(decoder_.condition_out1);
}

void Stepper::past_taps(const Member& member, Rows& rows) const {
  for (int i = 0; i < decoder_.config.num_layers; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    const int ahead = block(layer.dilation);
    if (now_ % ahead != 0) continue;
    const int count = ahead * static_cast<int>(active_.size());
    int at = 0;
    for (int step = 0; step < ahead; ++step) {
      // The history holds 2d steps: the place of 2d ago is the one that the step will take.
      const Region older = history(i, now_ + step);
      const Region old = history(i, now_ + step + layer.dilation);
      const Region out = partial(i, step);
      for (const int slot : active_) {
        const std::int64_t time = slots_[index(slot)].time + step;
        const float* const none = decoder_.zeros.data();
        rows.input[index(at)] = time < 2 * layer.dilation ? none : older[slot];
        rows.input[index(count + at)] = time < layer.dilation ? none : old[slot];
        rows.out[index(at)] = out[slot];
        ++at;
      }
    }
    const auto [begin, end] = member.share(layer.past.panels());
    rows.run(kernels_.store, layer.past, count, begin, end);
  }
}

void Stepper::layers(const Member& member, Rows& rows) const {
  const int count = static_cast<int>(active_.size());
  const int last = decoder_.config.num_layers - 1;
  const auto run = [&](ProductKernel kernel, const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernel, matrix, count, begin, end);
  };

  const Region inputs = region(layout_.inputs, 0, kTaps);
  const Region skip = region(layout_.skip, 0, decoder_.skip_width);
  const Region gated = region(layout_.gated, 0, decoder_.width);
  Region in = history(0, now_);
  gather(rows.input, inputs);
  gather(rows.out, in);
  run(kernels_.store, decoder_.start);
  member.wait();
  gather(rows.input, in);
  gather(rows.out, skip);
  run(kernels_.store, decoder_.skip_start);

  for (int i = 0; i <= last; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    gather(rows.input, in);
    gather(rows.first, partial(i, static_cast<int>(now_ % block(layer.dilation))));
    gather(rows.second, condition(i));
    gather(rows.out, gated);
    run(kernels_.gate, layer.now);
    member.wait();
    gather(rows.input, gated);
    if (i < last) {
      gather(rows.first, in);
      in = history(i + 1, now_);
      gather(rows.out, in);
      run(kernels_.add, layer.residual);
    }
    gather(rows.first, skip);
    gather(rows.out, skip);
    run(i < last ? kernels_.add : kernels_.rectify_sum, layer.skip);
    member.wait();
  }
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
  run(kernels_.rectify_sum, decoder_.out1);
  gather(rows.input, hidden);
  gather(rows.out, region(layout_.logits, 0, kQuanta));
  run(kernels_.store, decoder_.logits);
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
    if (bin < 0) finite_.store(false, std::memory_order_relaxed);
    const int code = bin < 0 ? 0 : bin - kQuanta / 2;
    place.clip->codes[place.time] = static_cast<std::int16_t>(code);
    float* input = inputs[slot];
    std::copy(input + 1, input + kTaps, input);
    input[kTaps - 1] = static_cast<float>(code) * kInputScale;
  }
  member.wait();
}

bool Stepper::step(const Member& member, float temperature) {
  Rows& rows = rows_[index(member.index)];
  condition_frames(member, rows);
  past_taps(member, rows);
  // Only now may the oldest step of each history be overwritten.
  member.wait();
  layers(member, rows);
  head(member, rows);
  draw(member, temperature);
  return finite_.load(std::memory_order_relaxed);
}

}  // namespace nsynth
