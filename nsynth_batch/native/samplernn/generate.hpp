// Many clips sample by sample: clips of any length come and go, as slots become free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.hpp"
#include "recurrent/rounded.hpp"
#include "samplernn/network.hpp"

namespace nsynth {

// What is to be made or scored; the arrays are the caller's.
struct SampleClip {
  std::int16_t* codes = nullptr;  // [total], in [-128, 127], the first `begin` of them filled in
  std::int64_t begin = 0, total = 0;
  const float* uniforms = nullptr;      // a draw for each code from `begin` on
  const float* temperatures = nullptr;  // one for each of them, or one number for all
  std::int64_t temperature_step = 0;    // 1 or 0
  float* logits = nullptr;  // [total][kQuanta], where all codes are given and these are wanted
  double* nats = nullptr;   // [total], likewise: what each code's negative log-likelihood is
  std::atomic<std::int64_t> made{0};
  bool finite = true;  // false once its logits are not: no more of it is made
};

// Clips that wait for a slot.
struct SampleQueue {
  std::vector<SampleClip*> clips;
  std::atomic<std::size_t> next{0};

  SampleClip* take() {
    const std::size_t taken = next.fetch_add(1);
    return taken < clips.size() ? clips[taken] : nullptr;
  }
};

// One thread's place. A clip's codes are the same in any slot and any company.
class SampleWorker {
 public:
  // `forced`: all codes are given, and the predictions of the shortest frame are made at once.
  // `helpers`: threads that call `help` while this one calls `run`.
  SampleWorker(const SampleNetwork& network, int slots, bool forced, int helpers);
  static std::size_t bytes(const SampleNetwork& network, int slots, bool forced, int helpers);

  // Makes clips of a queue until that is empty. False where `stop` ended it.
  bool run(SampleQueue& queue, const std::atomic<bool>& stop);
  // Helper `number`, from 1 on: until `run` is over.
  void help(int number) { rows_.helpers.serve(number); }

 private:
  struct Slot {
    SampleClip* clip = nullptr;
    std::int64_t time = 0;  // the sample that comes next
  };

  static int ahead(const SampleNetwork& network, bool forced) {
    return forced ? network.sizes.shortest() : 1;
  }
  static std::size_t condition_floats(const SampleNetwork& network);
  bool advance(SampleQueue& queue, const std::atomic<bool>& stop);
  void admit(SampleQueue& queue);
  void begin(int slot);
  void feed(int tier);
  void advance_units(int tier);
  void predict();
  void first_layer(const SampleClip& clip, int slot, std::int64_t time, float* out);
  void draw(SampleClip& clip, std::int64_t time, const float* logits) const;
  static void score(SampleClip& clip, std::int64_t time, const float* logits);
  void leave();

  float* row(const Buffer& buffer, std::int64_t number, int stride) const {
    return buffer.data() + index(number) * index(stride);
  }
  float* state(int tier, int unit, int slot) const;
  // What a tier says to the tier below, or to the samples, at a clip's next sample.
  const float* condition(int tier, int slot, std::int64_t time) const;

  const SampleNetwork& network_;
  const Kernels& kernels_;
  const int slots_count_, ahead_, narrow_, frame_;
  std::vector<Slot> slots_;
  std::vector<int> active_;
  std::int64_t now_ = 0;
  Buffer frames_, inputs_, sums_, states_, first_, second_, logits_;
  std::vector<Buffer> conditions_;  // of each tier [slots][ratio][hidden]
  GatedScratch scratch_;
  RoundedRows rows_;
  std::vector<const float*> looked_up_, read_;
  std::vector<float*> advanced_;
};

}  // namespace nsynth
