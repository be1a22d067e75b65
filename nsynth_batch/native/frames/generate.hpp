// Many clips frame by frame, each from what it was given and then from what it has made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frames/network.hpp"
#include "kernels/buffer.hpp"
#include "kernels/pointers.hpp"

namespace nsynth {

struct FrameClip {
  float* frames;            // [total][frame], the first `given` of them filled in
  std::int64_t given, total;
  const float* uniforms;    // a draw for each sample that is made; null where nothing is drawn
  const float* deviations;  // what each draw is multiplied by, or one number for all of them
  std::int64_t deviation_step;  // 1 for each of them, 0 for one number
  float* heads;             // [total][outputs], where all is given and the outputs are wanted
  bool finite = true;
};

// How clips go on.
struct FrameMode {
  int window;   // frames that a prediction is made from, the state silent before them; 0 for all
  float limit;  // of the samples
};

// One thread's place for clips that are advanced together. A clip's frames are the same in any.
class FrameWorker {
 public:
  FrameWorker(const FrameNetwork& network, int rows);
  static std::size_t bytes(const FrameNetwork& network, int rows);

  // At most as many clips as rows; adds the frames that are made to `made`. False where `stop`
  // ended it.
  bool run(FrameClip* clips, int count, const FrameMode& mode, const std::atomic<bool>& stop,
           std::atomic<std::int64_t>& made);

 private:
  // Feeds frame `time` of the clips in active_.
  void feed(const FrameClip* clips, std::int64_t time);
  void predict(FrameClip* clips, std::int64_t time, float limit);
  void silence();
  float* row(const Buffer& buffer, int number, int stride) const {
    return buffer.data() + index(number) * index(stride);
  }
  float* state(int unit, int number) const;

  const FrameNetwork& network_;
  const Kernels& kernels_;
  int rows_count_, narrow_, out_;
  Buffer hidden_;
  GatedScratch scratch_;
  Buffer states_, outputs_, noise_;
  RoundedRows rows_;
  std::vector<const float*> inputs_;
  std::vector<float*> advanced_;
  std::vector<int> active_;
};

}  // namespace nsynth
