#include "samplernn/generate.hpp"

#include <algorithm>
#include <cmath>

namespace nsynth {

namespace {

constexpr float kScale = 1.0f / 64;  // codes to [-2, 2)

// Nothing was before a clip: code 0.
int code_at(const SampleClip& clip, std::int64_t time) { return time < 0 ? 0 : clip.codes[time]; }

void add_to(float* out, const float* from, int count) {
  for (int i = 0; i < count; ++i) out[i] += from[i];
}

}  // namespace

std::size_t SampleWorker::condition_floats(const SampleNetwork& network) {
  std::size_t floats = 0;
  for (int t = 0; t < network.sizes.tiers(); ++t)
    floats += index(network.row(network.sizes.ratio(t) * network.sizes.hidden));
  return floats;
}

std::size_t SampleWorker::bytes(const SampleNetwork& network, int slots, bool forced,
                                int helpers) {
  const SampleSizes& s = network.sizes;
  const std::size_t narrow = index(network.row(s.hidden));
  const std::size_t a_slot = index(network.row(s.longest())) + condition_floats(network) +
                             narrow * (2 + index(s.tiers()) * index(s.layers));
  const std::size_t a_row = 2 * narrow + index(network.row(kQuanta));
  return (index(slots) * (a_slot + a_row * index(ahead(network, forced))) +
          GatedScratch::floats(network.packing, s.hidden, slots) +
          RoundedRows::floats(network.packing, s.hidden,
                              index(slots) * index(ahead(network, forced)), helpers)) *
         sizeof(float);
}

SampleWorker::SampleWorker(const SampleNetwork& network, int slots, bool forced, int helpers)
    : network_(network),
      kernels_(*network.kernels),
      slots_count_(slots),
      ahead_(ahead(network, forced)),
      narrow_(network.row(network.sizes.hidden)),
      frame_(network.row(network.sizes.longest())),
      slots_(index(slots)),
      frames_(index(slots) * index(frame_)),
      inputs_(index(slots) * index(narrow_)),
      sums_(index(slots) * index(narrow_)),
      states_(index(network.sizes.tiers()) * index(network.sizes.layers) * index(slots) *
              index(narrow_)),
      first_(index(slots) * index(ahead_) * index(narrow_)),
      second_(first_.size()),
      logits_(index(slots) * index(ahead_) * index(network.row(kQuanta))),
      scratch_(network.packing, network.sizes.hidden, slots),
      rows_(kernels_, network.packing, network.sizes.hidden, index(slots) * index(ahead_),
            helpers),
      looked_up_(index(network.sizes.shortest())),
      read_(index(slots)),
      advanced_(index(slots)) {
  active_.reserve(index(slots));
  for (int t = 0; t < network.sizes.tiers(); ++t)
    conditions_.emplace_back(index(slots) *
                             index(network.row(network.sizes.ratio(t) * network.sizes.hidden)));
  // The padding is computed with, and has to be numbers.
  for (const Buffer* buffer :
       {&frames_, &inputs_, &sums_, &states_, &first_, &second_, &logits_})
    std::fill_n(buffer->data(), buffer->size(), 0.0f);
  for (const Buffer& buffer : conditions_) std::fill_n(buffer.data(), buffer.size(), 0.0f);
}

float* SampleWorker::state(int tier, int unit, int slot) const {
  return row(states_, (tier * network_.sizes.layers + unit) * slots_count_ + slot, narrow_);
}

const float* SampleWorker::condition(int tier, int slot, std::int64_t time) const {
  const SampleSizes& s = network_.sizes;
  const int below = tier + 1 < s.tiers() ? s.frames[index(tier) + 1] : 1;
  const std::int64_t place = time / below % s.ratio(tier);
  return row(conditions_[index(tier)], slot, network_.row(s.ratio(tier) * s.hidden)) +
         place * s.hidden;
}

bool SampleWorker::run(SampleQueue& queue, const std::atomic<bool>& stop) {
  const bool whole = advance(queue, stop);
  rows_.helpers.end();
  return whole;
}

bool SampleWorker::advance(SampleQueue& queue, const std::atomic<bool>& stop) {
  const SampleSizes& s = network_.sizes;
  for (now_ = 0;; now_ += ahead_) {
    if (stop.load()) return false;
    // Clips begin where the longest frame does, so that the frames of all begin together.
    if (now_ % s.longest() == 0) admit(queue);
    active_.clear();
    for (int slot = 0; slot < slots_count_; ++slot)
      if (slots_[index(slot)].clip != nullptr) active_.push_back(slot);
    if (active_.empty() && now_ % s.longest() == 0) return true;
    for (int t = 0; t < s.tiers(); ++t)
      if (now_ % s.frames[index(t)] == 0) feed(t);
    predict();
    leave();
  }
}

void SampleWorker::admit(SampleQueue& queue) {
  for (int slot = 0; slot < slots_count_; ++slot) {
    if (slots_[index(slot)].clip != nullptr) continue;
    SampleClip* const clip = queue.take();
    if (clip == nullptr) return;
    slots_[index(slot)] = {clip, 0};
    begin(slot);
  }
}

void SampleWorker::begin(int slot) {
  const SampleSizes& s = network_.sizes;
  for (int t = 0; t < s.tiers(); ++t)
    for (int u = 0; u < s.layers; ++u)
      std::copy_n(row(network_.tiers[index(t)].begin, u, narrow_), narrow_, state(t, u, slot));
}

void SampleWorker::feed(int tier) {
  const SampleSizes& s = network_.sizes;
  const int count = static_cast<int>(active_.size()), size = s.frames[index(tier)];
  for (int r = 0; r < count; ++r) {
    const int number = active_[index(r)];
    const Slot& slot = slots_[index(number)];
    float* const frame = row(frames_, r, frame_);
    for (int i = 0; i < size; ++i)
      frame[i] = static_cast<float>(code_at(*slot.clip, slot.time - size + i)) * kScale;
    rows_.input[index(r)] = frame;
    if (tier > 0) rows_.first[index(r)] = condition(tier - 1, number, slot.time);
    rows_.out[index(r)] = row(inputs_, r, narrow_);
  }
  rows_.run(tier > 0 ? &Products::add : &Products::store,
            network_.tiers[index(tier)].input, count);
  advance_units(tier);
  for (int r = 0; r < count; ++r) {
    const int slot = active_[index(r)];
    rows_.input[index(r)] = s.skips ? row(sums_, r, narrow_) : state(tier, s.layers - 1, slot);
    rows_.out[index(r)] =
        row(conditions_[index(tier)], slot, network_.row(s.ratio(tier) * s.hidden));
  }
  rows_.run(&Products::store, network_.tiers[index(tier)].up, count);
}

void SampleWorker::advance_units(int tier) {
  const SampleSizes& s = network_.sizes;
  const int count = static_cast<int>(active_.size());
  if (s.skips) std::fill_n(sums_.data(), sums_.size(), 0.0f);
  for (int u = 0; u < s.layers; ++u) {
    for (int r = 0; r < count; ++r) {
      const int slot = active_[index(r)];
      float* const input = row(inputs_, r, narrow_);
      read_[index(r)] = u == 0 || s.skips ? input : state(tier, u - 1, slot);
      if (u > 0 && s.skips) add_to(input, state(tier, u - 1, slot), s.hidden);
      advanced_[index(r)] = state(tier, u, slot);
    }
    scratch_.step(kernels_, network_.tiers[index(tier)].units[index(u)], rows_, read_.data(),
                  advanced_.data(), count);
    if (!s.skips) continue;
    for (int r = 0; r < count; ++r)
      add_to(row(sums_, r, narrow_), state(tier, u, active_[index(r)]), s.hidden);
  }
}

void SampleWorker::first_layer(const SampleClip& clip, int slot, std::int64_t time, float* out) {
  const SampleSizes& s = network_.sizes;
  for (int place = 0; place < s.shortest(); ++place)
    looked_up_[index(place)] = network_.table(place, code_at(clip, time - s.shortest() + place));
  kernels_.recurrent.rectify_rows(condition(s.tiers() - 1, slot, time), looked_up_.data(),
                                  s.shortest(), s.hidden, out);
}

void SampleWorker::predict() {
  const int quanta = network_.row(kQuanta);
  int count = 0;
  // Of the clips whose next samples are not given, or that are scored.
  const auto each = [&](const auto& function) {
    count = 0;
    for (const int number : active_) {
      const Slot& slot = slots_[index(number)];
      const bool forced = slot.clip->logits != nullptr || slot.clip->nats != nullptr;
      if (!forced && slot.time < slot.clip->begin) continue;
      for (int i = 0; i < ahead_ && slot.time + i < slot.clip->total; ++i)
        function(count++, *slot.clip, number, slot.time + i);
    }
  };
  each([&](int r, const SampleClip& clip, int slot, std::int64_t time) {
    first_layer(clip, slot, time, row(first_, r, narrow_));
    rows_.input[index(r)] = row(first_, r, narrow_);
    rows_.first[index(r)] = network_.zeros.data();
    rows_.out[index(r)] = row(second_, r, narrow_);
  });
  rows_.run(&Products::rectify_sum, network_.hidden, count);
  for (int r = 0; r < count; ++r) {
    rows_.input[index(r)] = row(second_, r, narrow_);
    rows_.out[index(r)] = row(logits_, r, quanta);
  }
  rows_.run(&Products::store, network_.logits, count);
  each([&](int r, SampleClip& clip, int, std::int64_t time) {
    const float* const found = row(logits_, r, quanta);
    if (clip.logits != nullptr) std::copy_n(found, kQuanta, clip.logits + time * kQuanta);
    if (clip.nats != nullptr) score(clip, time, found);
    if (clip.logits == nullptr && clip.nats == nullptr) draw(clip, time, found);
  });
}

void SampleWorker::draw(SampleClip& clip, std::int64_t time, const float* logits) const {
  const std::int64_t number = time - clip.begin;
  const int bin = kernels_.sample(logits, clip.temperatures[number * clip.temperature_step],
                                  clip.uniforms[number]);
  if (bin < 0) {
    clip.finite = false;
    return;
  }
  clip.codes[time] = static_cast<std::int16_t>(bin - kQuanta / 2);
  clip.made.store(time + 1, std::memory_order_release);
}

void SampleWorker::score(SampleClip& clip, std::int64_t time, const float* logits) {
  const double highest = *std::max_element(logits, logits + kQuanta);
  double sum = 0;
  for (int q = 0; q < kQuanta; ++q) sum += std::exp(static_cast<double>(logits[q]) - highest);
  clip.nats[time] = std::log(sum) + highest - logits[clip.codes[time] + kQuanta / 2];
}

void SampleWorker::leave() {
  for (const int number : active_) {
    Slot& slot = slots_[index(number)];
    slot.time += ahead_;
    if (slot.time >= slot.clip->total || !slot.clip->finite) slot.clip = nullptr;
  }
}

}  // namespace nsynth
