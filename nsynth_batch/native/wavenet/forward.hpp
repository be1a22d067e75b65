// The decoder over a stretch of known samples: teacher-forced logits, and the history that a
// resumed clip needs. Sample for sample the same sums in the same order as the stepper's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/buffer.hpp"
#include "wavenet/network.hpp"
#include "kernels/pointers.hpp"
#include "wavenet/team.hpp"

namespace nsynth {

class Forward {
 public:
  Forward(const Decoder& decoder, int threads);
  static std::size_t bytes(const Decoder& decoder, int threads);

  // Feeds samples [begin, end), beginning with an empty history. `inputs` holds the network's
  // input of sample t at inputs[t - begin + 2], and the two before `begin`. Logits go to
  // logits[t - begin][256] unless null. All members call it; false where `stop` ended it.
  bool run(const Member& member, const float* inputs, const float* encoding, std::int64_t begin,
           std::int64_t end, float* logits, const std::atomic<bool>& stop);

  // Samples fed by all runs so far; any thread may ask.
  std::int64_t fed() const { return fed_.load(std::memory_order_relaxed); }

  // After a run: the layer's input at sample end - lookback + i, in the precision of the
  // layers' products, and its scale where those are of integers.
  const void* history(int layer, int i) const { return row(layer, i - lookback(layer)); }
  float scale(int layer, int i) const { return *row_scale(layer, i - lookback(layer)); }

 private:
  static constexpr int kChunk = 512;  // samples a layer is given at once
  static constexpr int kRows = 48;    // of them that stay in a core's cache

  struct Layout {
    std::vector<std::size_t> inputs, scales;
    std::size_t stream, gated, skip, hidden, floats;
    explicit Layout(const Decoder& decoder);
  };
  struct Scratch {
    Scratch(const Decoder& decoder);
    Buffer partial, differences, gated, condition;
    Rows rows;
  };

  int dilation(int layer) const {
    return decoder_.layers[static_cast<std::size_t>(layer)].dilation;
  }
  int lookback(int layer) const {
    return decoder_.layers[static_cast<std::size_t>(layer)].lookback;
  }
  // Sample `at` of the chunk; below 0 is what came before it.
  unsigned char* row(int layer, int at) const;
  float* row_scale(int layer, int at) const;
  // The same in float32, of the chunk alone.
  float* stream_row(int layer, int at) const;
  // The gate's output, where the skips of all layers are joined.
  unsigned char* gated_row(int layer, int at) const;
  float* skip_row(std::size_t region, int at) const;
  void feed(const Member& member, const float* inputs, const float* encoding, std::int64_t begin,
            int count, float* logits);
  // Chunk samples [low, high) of the stream become a layer's inputs.
  void round_inputs(int layer, int low, int high) const;
  void layer(int number, Scratch& scratch, const float* encoding, std::int64_t begin, int low,
             int high, bool skips);
  void head(Scratch& scratch, const float* encoding, std::int64_t begin, int low, int high,
            float* logits);
  // Adds the skips of all layers, where they are joined.
  void join_skips(Scratch& scratch, int low, int high) const;
  // Where the scratch keeps what the past taps add to its row r.
  float* partial(Scratch& scratch, int r) const;
  // What the past taps add to chunk samples [low, high), into the scratch.
  void past_taps(int number, Scratch& scratch, int low, int high);
  void paired_taps(int number, Scratch& scratch, std::int64_t begin, int low, int high);
  // Frame-wise conditioning of chunk samples [low, high) into the scratch, rows.second pointing
  // at each sample's.
  void condition(const Matrix& matrix, Scratch& scratch, const float* encoding, std::int64_t begin,
                 int low, int high);

  const Decoder& decoder_;
  const Kernels& kernels_;
  Layout layout_;
  Buffer state_;
  std::vector<Scratch> scratch_;
  bool halted_ = false;
  std::atomic<std::int64_t> fed_{0};
};

}  // namespace nsynth
