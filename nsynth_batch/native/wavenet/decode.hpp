// Continuous batching: clips of any length through a fixed number of slots.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "wavenet/forward.hpp"
#include "wavenet/network.hpp"
#include "wavenet/stepper.hpp"
#include "wavenet/team.hpp"

namespace nsynth {

// How threads share the work. Apart, each has clips of its own and they never meet; together, they
// share each layer's columns, so that the weights are read once for all of them.
enum class Split { apart, together };

struct DecodePlan {
  int groups;   // steppers side by side
  int threads;  // in each
  int batch;    // clips at once, in all of them

  int slots(int group) const { return batch / groups + (group < batch % groups ? 1 : 0); }
};

// How `batch` clips at once are spread; never more slots than clips.
DecodePlan plan_decode(int threads, int batch, std::size_t clips, Split split);

// What a decode of this plan allocates beside its results.
std::size_t decode_bytes(const Decoder& decoder, const DecodePlan& plan, bool resumes);

class Decode {
 public:
  // Allocates everything, so that nothing is begun where memory lacks.
  Decode(const Decoder& decoder, const DecodePlan& plan, std::deque<Clip>& clips,
         float temperature);

  void run(std::atomic<bool>& stop, const std::function<void()>& poll);

  // Samples of prefixes that were gone through again: a sign of life before any is made.
  std::int64_t fed() const;

 private:
  struct Group {
    Group(const Decoder& decoder, int slots, int threads, bool resumes);
    Stepper stepper;
    Barrier barrier;
    std::unique_ptr<Forward> pass;
    std::vector<int> resuming;  // slots admitted in the middle of their clip
    std::vector<float> inputs;
    bool ended = false;
  };

  void work(int thread, std::atomic<bool>& stop);
  static void admit(Group& group, int slot, Clip& clip);
  void prepare(Group& group, const std::atomic<bool>& stop);
  void resume(Group& group, const Member& member, const std::atomic<bool>& stop);

  const Decoder& decoder_;
  const DecodePlan plan_;
  const float temperature_;
  std::vector<Clip*> order_;  // the longest first, so that the last steps are not half empty
  std::atomic<std::size_t> next_;
  std::deque<Group> groups_;
};

}  // namespace nsynth
