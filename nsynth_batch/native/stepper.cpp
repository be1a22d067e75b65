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

float* Stepper::row(std::size_t region, int width, int slot) const {
  return state_.data() + region + index(slot) * index(width);
}

float* Stepper::history(int layer, std::int64_t step, int slot) const {
  const std::size_t length = index(2 * decoder_.layers[index(layer)].dilation);
  const std::size_t place = static_cast<std::size_t>(step) % length;
  return row(layout_.history[index(layer)] + place * slots_.size() * index(decoder_.width),
             decoder_.width, slot);
}

float* Stepper::partial(int layer, int ahead, int slot) const {
  return row(layout_.partial[index(layer)] + index(ahead) * slots_.size() * 2 * index(decoder_.width),
             2 * decoder_.width, slot);
}

float* Stepper::condition(int layer, int slot) const {
  return row(layout_.condition + index(layer) * slots_.size() * 2 * index(decoder_.width),
             2 * decoder_.width, slot);
}

bool Stepper::idle() const { return active_.empty(); }

void Stepper::admit(int slot, Clip* clip) {
  slots_[index(slot)] = Slot{clip, clip->begin};
  active_.push_back(slot);
  std::sort(active_.begin(), active_.end());
  float* inputs = row(layout_.inputs, kTaps, slot);
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
      std::memcpy(history(layer, now_ + i, slot), pass.history(layer, i), bytes);
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
  const auto each_due = [&](auto&& add) {
    count = 0;
    for (const int slot : active_) {
      const Slot& place = slots_[index(slot)];
      // A clip that resumes begins in the middle of a frame.
      if (place.time % config.ae_hop_length != 0 && place.time != place.clip->begin) continue;
      rows.input[index(count)] =
          place.clip->encoding + place.time / config.ae_hop_length * config.ae_bottleneck;
      rows.out[index(count)] = add(slot);
      ++count;
    }
  };
  const auto run = [&](const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernels_.store, matrix, count, begin, end);
  };
  for (int layer = 0; layer < config.num_layers; ++layer) {
    each_due([&](int slot) { return condition(layer, slot); });
    if (count == 0) return;
    run(decoder_.layers[index(layer)].condition);
  }
  each_due([&](int slot) { return row(layout_.condition_out1, decoder_.skip_width, slot); });
  run(decoder_.condition_out1);
}

void Stepper::past_taps(const Member& member, Rows& rows) const {
  for (int i = 0; i < decoder_.config.num_layers; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    const int ahead = block(layer.dilation);
    if (now_ % ahead != 0) continue;
    const int count = ahead * static_cast<int>(active_.size());
    int at = 0;
    for (int step = 0; step < ahead; ++step)
      for (const int slot : active_) {
        const std::int64_t time = slots_[index(slot)].time + step;
        const std::int64_t older = time - 2 * layer.dilation, old = time - layer.dilation;
        // The history holds 2d steps: the place of 2d ago is the one that the step will take.
        rows.input[index(at)] = older < 0 ? decoder_.zeros.data() : history(i, now_ + step, slot);
        rows.input[index(count + at)] =
            old < 0 ? decoder_.zeros.data() : history(i, now_ + step + layer.dilation, slot);
        rows.out[index(at)] = partial(i, step, slot);
        ++at;
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

  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = row(layout_.inputs, kTaps, active_[index(r)]);
    rows.out[index(r)] = history(0, now_, active_[index(r)]);
  }
  run(kernels_.store, decoder_.start);
  member.wait();
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = history(0, now_, active_[index(r)]);
    rows.out[index(r)] = row(layout_.skip, decoder_.skip_width, active_[index(r)]);
  }
  run(kernels_.store, decoder_.skip_start);

  for (int i = 0; i <= last; ++i) {
    const DecoderLayer& layer = decoder_.layers[index(i)];
    const int ahead = static_cast<int>(now_ % block(layer.dilation));
    for (int r = 0; r < count; ++r) {
      const int slot = active_[index(r)];
      rows.input[index(r)] = history(i, now_, slot);
      rows.first[index(r)] = partial(i, ahead, slot);
      rows.second[index(r)] = condition(i, slot);
      rows.out[index(r)] = row(layout_.gated, decoder_.width, slot);
    }
    run(kernels_.gate, layer.now);
    member.wait();
    for (int r = 0; r < count; ++r)
      rows.input[index(r)] = row(layout_.gated, decoder_.width, active_[index(r)]);
    if (i < last) {
      for (int r = 0; r < count; ++r) {
        rows.first[index(r)] = history(i, now_, active_[index(r)]);
        rows.out[index(r)] = history(i + 1, now_, active_[index(r)]);
      }
      run(kernels_.add, layer.residual);
    }
    for (int r = 0; r < count; ++r) {
      float* skip = row(layout_.skip, decoder_.skip_width, active_[index(r)]);
      rows.first[index(r)] = skip;
      rows.out[index(r)] = skip;
    }
    run(i < last ? kernels_.add : kernels_.rectify_sum, layer.skip);
    member.wait();
  }
}

void Stepper::head(const Member& member, Rows& rows) const {
  const int count = static_cast<int>(active_.size());
  const auto run = [&](ProductKernel kernel, const Matrix& matrix) {
    const auto [begin, end] = member.share(matrix.panels());
    rows.run(kernel, matrix, count, begin, end);
    member.wait();
  };
  for (int r = 0; r < count; ++r) {
    const int slot = active_[index(r)];
    rows.input[index(r)] = row(layout_.skip, decoder_.skip_width, slot);
    rows.first[index(r)] = row(layout_.condition_out1, decoder_.skip_width, slot);
    rows.out[index(r)] = row(layout_.hidden, decoder_.skip_width, slot);
  }
  run(kernels_.rectify_sum, decoder_.out1);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = row(layout_.hidden, decoder_.skip_width, active_[index(r)]);
    rows.out[index(r)] = row(layout_.logits, kQuanta, active_[index(r)]);
  }
  run(kernels_.store, decoder_.logits);
}

void Stepper::draw(const Member& member, float temperature) {
  const auto [begin, end] = member.share(static_cast<int>(active_.size()));
  for (int r = begin; r < end; ++r) {
    const int slot = active_[index(r)];
    const Slot& place = slots_[index(slot)];
    const float uniform = place.clip->uniforms[place.time - place.clip->begin];
    const int bin = kernels_.sample(row(layout_.logits, kQuanta, slot), temperature, uniform);
    if (bin < 0) finite_.store(false, std::memory_order_relaxed);
    const int code = bin < 0 ? 0 : bin - kQuanta / 2;
    place.clip->codes[place.time] = static_cast<std::int16_t>(code);
    float* inputs = row(layout_.inputs, kTaps, slot);
    std::copy(inputs + 1, inputs + kTaps, inputs);
    inputs[kTaps - 1] = static_cast<float>(code) * kInputScale;
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
