// A batch of clips advanced one sample at a time.
//
// The past taps of a layer of dilation d are known d samples ahead, so they are computed for
// up to kBlock samples in one product, three taps in float32 by pairs (paired.hpp). All layers' blocks begin
// at multiples of their length in the batch's own count of steps, and clips come and go at
// multiples of kBlock.
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

// What is to be decoded; the arrays are the caller's.
struct Clip {
  const float* encoding = nullptr;  // [frames][bottleneck]
  std::int64_t samples = 0;         // frames * hop
  std::int64_t begin = 0;           // samples that stand in codes already
  const float* uniforms = nullptr;  // [samples - begin], for those that do not
  std::int16_t* codes = nullptr;    // [samples], mu-law in [-128, 127]
  std::atomic<std::int64_t> made{0};
  bool finite = true;  // false once its logits are not: no more of it is made
};

class Forward;

class Stepper {
 public:
  static constexpr int kBlock = 8;
  static constexpr int kDifferences = 192;  // rows of them that stay in a core's cache

  Stepper(const Decoder& decoder, int slots, int threads);
  // What a stepper of so many slots allocates.
  static std::size_t bytes(const Decoder& decoder, int slots, int threads);

  // The leader's part, between steps. A slot is free where clip(slot) is null; admit() wants
  // at_block_start().
  int slots() const { return static_cast<int>(slots_.size()); }
  const Clip* clip(int slot) const { return slots_[static_cast<std::size_t>(slot)].clip; }
  bool at_block_start() const { return now_ % kBlock == 0; }
  bool idle() const;
  void admit(int slot, Clip* clip);
  // Gives a slot the history that a teacher-forced pass over its clip's prefix has left.
  void restore(int slot, const Forward& pass);
  // Ends a step: clips that are whole, or cannot become so, leave their slots.
  void advance();

  // Every member's part: one sample of every clip.
  void step(const Member& member, float temperature);

 private:
  struct Slot {
    Clip* clip = nullptr;
    std::int64_t time = 0;  // the sample being made
  };
  // A row for each slot.
  struct Region {
    float* begin;
    std::size_t width;
    float* operator[](int slot) const { return begin + static_cast<std::size_t>(slot) * width; }
  };
  // The same in the precision of the layers' products; scales only where those are integers.
  struct Inputs {
    unsigned char* begin;
    std::size_t width;  // bytes
    float* scales;
    unsigned char* operator[](int slot) const {
      return begin + static_cast<std::size_t>(slot) * width;
    }
  };
  struct Layout {
    std::vector<std::size_t> history, scales, kept, partial;
    std::size_t differences, condition, condition_out1, stream, rounded, rounded_scales, gated,
        skip, hidden, logits, inputs, floats;
    Layout(const Decoder& decoder, std::size_t slots, std::size_t threads);
  };

  static int block(int dilation) { return dilation < kBlock ? dilation : kBlock; }
  Region region(std::size_t begin, std::size_t number, int width) const;
  Inputs inputs(std::size_t begin, std::size_t scales, std::size_t number) const;
  // A layer's inputs at a step.
  Inputs history(int layer, std::int64_t step) const;
  // What its gate gave at this step.
  Inputs gated(int layer) const;
  // A layer's inputs of this step in float32.
  Region stream(int layer) const;
  Region partial(int layer, int ahead) const;
  // What the two outputs of a pair share, from the step of the earlier to that of the later.
  Region kept(int layer, std::int64_t step) const;
  Region condition(int layer) const;
  // The rows of all clips, in the order of their slots.
  template <class Pointer, class From>
  void gather(std::vector<Pointer>& pointers, const From& from) const;

  void condition_frames(const Member& member, Rows& rows) const;
  void past_taps(const Member& member, Rows& rows) const;
  void paired_taps(const Member& member, Rows& rows, int layer) const;
  void restore_kept(int slot);
  void round_inputs(const Member& member, Rows& rows, int layer) const;
  void layers(const Member& member, Rows& rows) const;
  void mark_not_finite(const Member& member, const Rows& rows) const;
  void head(const Member& member, Rows& rows) const;
  void draw(const Member& member, float temperature);

  const Decoder& decoder_;
  const Kernels& kernels_;
  std::vector<Slot> slots_;
  std::vector<int> active_;
  std::int64_t now_ = 0;
  Layout layout_;
  Buffer state_;
  std::vector<Rows> rows_;
};

}  // namespace nsynth
