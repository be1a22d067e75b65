#include "wavenet/decode.hpp"

#include <algorithm>

namespace nsynth {

DecodePlan plan_decode(int threads, int batch, std::size_t clips, Split split) {
  const int most = static_cast<int>(std::min(clips, static_cast<std::size_t>(batch)));
  if (split == Split::together) return {1, threads, most};
  const int groups = std::min(threads, most);
  return {groups, 1, most};
}

std::size_t decode_bytes(const Decoder& decoder, const DecodePlan& plan, bool resumes) {
  const std::size_t pass = resumes ? Forward::bytes(decoder, plan.threads) : 0;
  std::size_t bytes = 0;
  for (int group = 0; group < plan.groups; ++group)
    bytes += Stepper::bytes(decoder, plan.slots(group), plan.threads) + pass;
  return bytes;
}

Decode::Group::Group(const Decoder& decoder, int slots, int threads, bool resumes)
    : stepper(decoder, slots, threads), barrier(threads) {
  resuming.reserve(static_cast<std::size_t>(slots));
  if (!resumes) return;
  pass = std::make_unique<Forward>(decoder, threads);
  inputs.resize(static_cast<std::size_t>(decoder.config.receptive_field()) + kTaps);
}

Decode::Decode(const Decoder& decoder, const DecodePlan& plan, std::deque<Clip>& clips,
               float temperature)
    : decoder_(decoder), plan_(plan), temperature_(temperature) {
  bool resumes = false;
  for (Clip& clip : clips) {
    clip.made.store(clip.begin);
    if (clip.begin == clip.samples) continue;
    resumes = resumes || clip.begin > 0;
    order_.push_back(&clip);
  }
  std::stable_sort(order_.begin(), order_.end(), [](const Clip* a, const Clip* b) {
    return a->samples - a->begin > b->samples - b->begin;
  });
  // The first clips are dealt out, so that no group is left with the short ones.
  next_.store(static_cast<std::size_t>(plan.batch));
  for (int i = 0; i < plan.groups; ++i)
    groups_.emplace_back(decoder, plan.slots(i), plan.threads, resumes);
  for (std::size_t i = 0; i < std::min(order_.size(), next_.load()); ++i) {
    const std::size_t groups = static_cast<std::size_t>(plan.groups);
    admit(groups_[i % groups], static_cast<int>(i / groups), *order_[i]);
  }
}

void Decode::admit(Group& group, int slot, Clip& clip) {
  group.stepper.admit(slot, &clip);
  if (clip.begin > 0) group.resuming.push_back(slot);
}

void Decode::run(std::atomic<bool>& stop, const std::function<void()>& poll) {
  if (order_.empty()) return;
  run_threads(plan_.groups * plan_.threads, [&](int thread) { work(thread, stop); }, stop, poll);
}

std::int64_t Decode::fed() const {
  std::int64_t samples = 0;
  for (const Group& group : groups_)
    if (group.pass) samples += group.pass->fed();
  return samples;
}

void Decode::work(int thread, std::atomic<bool>& stop) {
  Group& group = groups_[static_cast<std::size_t>(thread / plan_.threads)];
  const Member member{&group.barrier, thread % plan_.threads, plan_.threads};
  for (;;) {
    if (member.leads()) prepare(group, stop);
    member.wait();
    if (group.ended) return;
    resume(group, member, stop);
    group.stepper.step(member, temperature_);
    if (member.leads()) group.stepper.advance();
  }
}

void Decode::prepare(Group& group, const std::atomic<bool>& stop) {
  if (group.stepper.at_block_start()) {
    for (int slot = 0; slot < group.stepper.slots(); ++slot) {
      if (group.stepper.clip(slot)) continue;
      const std::size_t taken = next_.fetch_add(1);
      if (taken >= order_.size()) break;
      admit(group, slot, *order_[taken]);
    }
  }
  group.ended = stop.load() || group.stepper.idle();
}

void Decode::resume(Group& group, const Member& member, const std::atomic<bool>& stop) {
  if (group.resuming.empty()) return;
  const std::int64_t field = decoder_.config.receptive_field();
  for (const int slot : group.resuming) {
    const Clip& clip = *group.stepper.clip(slot);
    const std::int64_t from = std::max<std::int64_t>(0, clip.begin - field);
    if (member.leads()) {
      for (std::int64_t t = from - (kTaps - 1); t < clip.begin; ++t)
        group.inputs[static_cast<std::size_t>(t - from + kTaps - 1)] =
            t < 1 ? 0.0f : static_cast<float>(clip.codes[t - 1]) / 128;
    }
    member.wait();
    const bool whole = group.pass->run(member, group.inputs.data(), clip.encoding, from, clip.begin,
                                       nullptr, stop);
    if (whole && member.leads()) group.stepper.restore(slot, *group.pass);
    member.wait();
    if (!whole) break;
  }
  member.wait();
  if (member.leads()) group.resuming.clear();
}

}  // namespace nsynth
