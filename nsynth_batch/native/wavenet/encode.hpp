// The encoder over whole recordings, in pieces that bound its memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.hpp"
#include "wavenet/network.hpp"
#include "kernels/pointers.hpp"

namespace nsynth {

// Some frames of one recording.
struct EncodeTask {
  const float* inputs;   // the network's input, sample t at inputs[t + 1], a zero on either side
  std::int64_t samples;  // frames * hop
  std::int64_t frame_begin, frame_end;
  float* out;  // [frame_end - frame_begin][bottleneck]
};

// One thread's place to encode in.
class EncodeWorker {
 public:
  // `frames` is the most that a task may have.
  EncodeWorker(const Encoder& encoder, std::int64_t frames);
  static std::size_t bytes(const Encoder& encoder, std::int64_t frames);

  // False where `stop` ended it.
  bool run(const EncodeTask& task, const std::atomic<bool>& stop);

 private:
  static constexpr int kQuads = 32;  // computed together; their rows stay in a core's cache
  static constexpr int kRows = kQuad * kQuads;
  static std::int64_t most_rows(const Encoder& encoder, std::int64_t frames);
  // Floats between the rows of one product of kQuads and those of the next.
  static std::int64_t stride(const Encoder& encoder);

  // Some of a layer's quads: `run` neighbours of each of the groups from `begin` on.
  struct Block {
    std::int64_t begin = 0;
    int groups = 0;
    std::vector<const float*> inputs;  // [groups * run][kQuadInputs]
  };

  // The outputs of a layer in [low, high).
  void layer(const EncoderLayer& layer, const EncodeTask& task, std::int64_t low, std::int64_t high);
  void find_inputs(const EncodeTask& task, std::int64_t dilation, Block& block) const;
  void find_outputs(std::int64_t dilation, std::int64_t low, std::int64_t high, const Block& block);
  static int run_of(std::int64_t dilation);
  void mean_frames(const EncodeTask& task);
  // The row of a time among the inputs of the layer in hand.
  float* at(std::int64_t time) const;

  const Encoder& encoder_;
  const Kernels& kernels_;
  std::int64_t origin_ = 0;  // time that the first row of sums_ stands for
  // A layer's outputs take the place of its inputs, its dilation earlier: the last inputs that need them
  // are past by then.
  Buffer sums_, spread_, products_, hidden_, means_, encoded_;
  Rows rows_;
  // A thread must not throw, so none of these is allocated where it works.
  Block block_, next_;
  std::vector<float*> hidden_rows_;  // [kQuads][kQuad]
  std::vector<const float*> wanted_, first_;
  std::vector<float*> out_;
  int rows_wanted_ = 0;
  std::vector<std::int64_t> low_, high_;
  std::vector<double> sum_;
};

}  // namespace nsynth
