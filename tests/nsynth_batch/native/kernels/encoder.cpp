// A small encoder: a recording whole against sums in double precision, and in pieces against itself.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "check.hpp"
#include "checks.hpp"
#include "wavenet/encode.hpp"
#include "wavenet/network.hpp"

namespace nsynth {
namespace {

constexpr int kWidth = 20, kBottleneck = 3, kHop = 10, kFrames = 41;
// Dilations below and above the quads that are computed together.
constexpr Config kConfig{1, 1, 4, 4, 7, 7, kWidth, kBottleneck, kHop, 3, false};

using Rows = std::vector<std::vector<double>>;

class Weights {
 public:
  const float* operator()(const std::string& name, std::size_t size) {
    std::vector<float>& tensor = tensors_[name];
    for (Random random(tensors_.size()); tensor.size() < size;)
      tensor.push_back(random.between(-0.3f, 0.3f));
    return tensor.data();
  }

 private:
  std::map<std::string, std::vector<float>> tensors_;
};

// A convolution of one or three taps over rows, whose inputs are rectified.
Rows convolved(Weights& weights, const std::string& name, const Rows& rows, int taps, int dilation,
               std::size_t outputs, bool rectified) {
  const std::size_t inputs = rows[0].size();
  const float* const w = weights(name + "/W", count(taps) * inputs * outputs);
  const float* const biases = weights(name + "/biases", outputs);
  const int length = static_cast<int>(rows.size());
  Rows out(rows.size(), std::vector<double>(biases, biases + outputs));
  for (int t = 0; t < length; ++t)
    for (int tap = 0; tap < taps; ++tap) {
      const int from = t + (tap - taps / 2) * dilation;
      if (from < 0 || from >= length) continue;
      for (std::size_t i = 0; i < inputs; ++i) {
        const double x = rows[count(from)][i];
        for (std::size_t o = 0; o < outputs; ++o)
          out[count(t)][o] += (rectified ? std::max(x, 0.0) : x) *
                              static_cast<double>(w[(count(tap) * inputs + i) * outputs + o]);
      }
    }
  return out;
}

std::vector<double> plain(Weights& weights, const std::vector<float>& audio) {
  Rows rows;
  for (std::size_t t = 1; t + 1 < audio.size(); ++t)
    rows.push_back({static_cast<double>(audio[t])});
  rows = convolved(weights, "ae_startconv", rows, kTaps, 1, kWidth, false);
  for (int i = 0; i < kConfig.ae_num_layers; ++i) {
    const std::string number = "_" + std::to_string(i + 1);
    const Rows inner = convolved(weights, "ae_dilatedconv" + number, rows, kTaps,
                                 kConfig.ae_dilation(i), kWidth, true);
    const Rows added = convolved(weights, "ae_res" + number, inner, 1, 1, kWidth, true);
    for (std::size_t t = 0; t < rows.size(); ++t)
      for (std::size_t c = 0; c < rows[t].size(); ++c) rows[t][c] += added[t][c];
  }
  rows = convolved(weights, "ae_bottleneck", rows, 1, 1, kBottleneck, false);
  std::vector<double> means(count(kFrames * kBottleneck));
  for (std::size_t t = 0; t < rows.size(); ++t)
    for (std::size_t c = 0; c < kBottleneck; ++c)
      means[t / kHop * kBottleneck + c] += rows[t][c] / kHop;
  return means;
}

}  // namespace

void check_encoder(const Kernels& kernels) {
  Weights weights;
  const Encoder encoder(
      kConfig, [&](const std::string& name, std::size_t size) { return weights(name, size); },
      kernels);
  std::vector<float> audio(count(kFrames * kHop + 2), 0.0f);
  Random random(3);
  for (std::size_t t = 1; t + 1 < audio.size(); ++t) audio[t] = random.between(-1, 1);
  const std::atomic<bool> stop{false};
  const auto encode = [&](int frames) {
    std::vector<float> out(count(kFrames * kBottleneck));
    EncodeWorker worker(encoder, frames);
    for (int at = 0; at < kFrames; at += frames)
      worker.run({audio.data(), kFrames * kHop, at, std::min(at + frames, kFrames),
                  out.data() + at * kBottleneck},
                 stop);
    return out;
  };
  const std::vector<float> whole = encode(kFrames);
  const std::vector<double> want = plain(weights, audio);
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(want[i]));
    apart = std::max(apart, std::abs(static_cast<double>(whole[i]) - want[i]));
  }
  check(apart <= 1e-5 * largest, "encodings are off by %g of %g", apart, largest);
  for (const int frames : {1, 7, 26})
    check(encode(frames) == whole, "encodings in pieces of %d frames differ", frames);
}

}  // namespace nsynth
