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
  static constexpr int kPairs = 30;  // of outputs, whose rows stay in a core's cache
  static constexpr int kRows = 2 * kPairs;
  static std::int64_t most_rows(const Encoder& encoder, std::int64_t frames);

  void layer(const EncoderLayer& layer, const EncodeTask& task, const Buffer& in, const Buffer& out,
             std::int64_t low, std::int64_t high);
  // The pairs of outputs at times_[0 … count) and a dilation later, those outside of [low, high)
  // left out.
  void pairs(const EncoderLayer& layer, const EncodeTask& task, const Buffer& in, const Buffer& out,
             std::int64_t low, std::int64_t high, int count);
  void mean_frames(const EncodeTask& task, const Buffer& sums);
  float* at(const Buffer& buffer, std::int64_t time) const;
  float* row(const Buffer& buffer, int number) const;

  const Encoder& encoder_;
  const Kernels& kernels_;
  std::int64_t origin_ = 0;  // sample that the buffers' first row stands for
  Buffer sums_[2], spread_, joined_, hidden_, means_, encoded_;
  Rows rows_;
  std::vector<std::int64_t> times_;
  // A thread must not throw, so none of these is allocated where it works.
  std::vector<std::int64_t> low_, high_;
  std::vector<double> sum_;
};

}  // namespace nsynth
