// A small model's clips, decoded together, each alone, and each from its middle on: the same codes.
#include <atomic>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "check.hpp"
#include "checks.hpp"
#include "wavenet/forward.hpp"
#include "wavenet/network.hpp"
#include "wavenet/stepper.hpp"
#include "wavenet/team.hpp"

namespace nsynth {
namespace {

constexpr Config kConfig{6, 3, 20, 12, 1, 1, 4, 3, 4, 3, false};
constexpr int kClips = 5;

class Weights {
 public:
  const float* operator()(const std::string& name, std::size_t size) {
    std::vector<float>& tensor = tensors_[name];
    if (tensor.empty()) {
      std::uint64_t seed = size;
      for (const char c : name) seed = seed * 31 + static_cast<unsigned char>(c);
      Random random(seed);
      for (std::size_t i = 0; i < size; ++i) tensor.push_back(random.between(-0.4f, 0.4f));
    }
    return tensor.data();
  }

 private:
  std::map<std::string, std::vector<float>> tensors_;
};

struct Recording {
  std::vector<float> encoding, uniforms;
  std::vector<std::int16_t> codes;
};

// Decodes clips from sample `begin` on, all at once.
void decode(const Decoder& decoder, const std::vector<Recording*>& recordings, int begin) {
  Barrier barrier(1);
  const Member member{&barrier, 0, 1};
  const std::atomic<bool> stop{false};
  Stepper stepper(decoder, static_cast<int>(recordings.size()), 1);
  std::deque<Clip> clips;
  for (Recording* recording : recordings) {
    Clip& clip = clips.emplace_back();
    clip.encoding = recording->encoding.data();
    clip.samples = static_cast<std::int64_t>(recording->codes.size());
    clip.begin = begin;
    clip.uniforms = recording->uniforms.data() + begin;
    clip.codes = recording->codes.data();
    const int slot = static_cast<int>(clips.size()) - 1;
    stepper.admit(slot, &clip);
    if (begin == 0) continue;
    std::vector<float> inputs(count(begin + kTaps - 1), 0.0f);
    for (int t = 1; t < begin; ++t)
      inputs[count(t + kTaps - 1)] = static_cast<float>(clip.codes[t - 1]) / 128;
    Forward pass(decoder, 1);
    pass.run(member, inputs.data(), clip.encoding, 0, begin, nullptr, stop);
    stepper.restore(slot, pass);
  }
  while (!stepper.idle()) {
    stepper.step(member, 1.0f);
    stepper.advance();
  }
  for (const Clip& clip : clips) check(clip.finite, "a logit is not finite");
}

}  // namespace

std::vector<std::int16_t> check_engine(const Kernels& kernels, Precision precision) {
  Weights weights;
  const Decoder decoder(
      kConfig, [&](const std::string& name, std::size_t size) { return weights(name, size); },
      kernels, precision);
  Random random(5);
  std::deque<Recording> recordings(kClips);
  std::vector<Recording*> all;
  for (Recording& recording : recordings) {
    const int frames = 3 + 2 * static_cast<int>(all.size());
    for (int i = 0; i < frames * kConfig.ae_bottleneck; ++i)
      recording.encoding.push_back(random.between(-1, 1));
    recording.codes.resize(count(frames * kConfig.ae_hop_length));
    for (std::size_t i = 0; i < recording.codes.size(); ++i)
      recording.uniforms.push_back(random.between(0, 1));
    all.push_back(&recording);
  }
  decode(decoder, all, 0);
  std::vector<std::int16_t> codes;
  for (Recording& recording : recordings) {
    const std::vector<std::int16_t> together = recording.codes;
    codes.insert(codes.end(), together.begin(), together.end());
    decode(decoder, {&recording}, 7);
    check(recording.codes == together, "a clip that went on from its middle differs");
    recording.codes.assign(together.size(), 0);
    decode(decoder, {&recording}, 0);
    check(recording.codes == together, "a clip that was decoded alone differs");
  }
  return codes;
}

}  // namespace nsynth
