#include "encode.hpp"

#include <algorithm>
#include <vector>

namespace nsynth {

namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

std::int64_t EncodeWorker::most_rows(const Encoder& encoder, std::int64_t frames) {
  std::int64_t rows = frames * encoder.config.ae_hop_length;
  for (const EncoderLayer& layer : encoder.layers) rows += 2 * layer.dilation;
  return rows;
}

std::size_t EncodeWorker::bytes(const Encoder& encoder, std::int64_t frames) {
  const std::size_t rows = 3 * index(most_rows(encoder, frames)) + kRows;
  return (rows * index(encoder.width) + index(frames) * index(encoder.config.ae_width)) *
         sizeof(float);
}

EncodeWorker::EncodeWorker(const Encoder& encoder, std::int64_t frames)
    : encoder_(encoder),
      kernels_(*encoder.kernels),
      sums_(index(most_rows(encoder, frames)) * index(encoder.width)),
      rectified_{Buffer(sums_.size()), Buffer(sums_.size())},
      hidden_(index(kRows) * index(encoder.width)),
      means_(index(frames) * index(encoder.config.ae_width)),
      encoded_(index(kRows) * index(encoder.bottleneck_width)),
      rows_(kRows) {}

float* EncodeWorker::at(const Buffer& buffer, std::int64_t time) const {
  return buffer.data() + index(time - origin_) * index(encoder_.width);
}

bool EncodeWorker::run(const EncodeTask& task, const std::atomic<bool>& stop) {
  const Config& config = encoder_.config;
  // What each layer has to be known for: wider by its dilation, down to the first.
  std::vector<std::int64_t> low(encoder_.layers.size() + 1), high(low);
  low.back() = task.frame_begin * config.ae_hop_length;
  high.back() = task.frame_end * config.ae_hop_length;
  for (std::size_t i = encoder_.layers.size(); i-- > 0;) {
    low[i] = std::max<std::int64_t>(0, low[i + 1] - encoder_.layers[i].dilation);
    high[i] = std::min(task.samples, high[i + 1] + encoder_.layers[i].dilation);
  }
  origin_ = low[0];
  for (std::int64_t t = low[0]; t < high[0]; t += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, high[0] - t));
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = task.inputs + t + r;
      rows_.first[index(r)] = encoder_.zeros.data();
      rows_.out[index(r)] = at(sums_, t + r);
      rows_.rectified[index(r)] = at(rectified_[0], t + r);
    }
    rows_.run(kernels_.add_rectify, encoder_.start, count);
  }
  for (std::size_t i = 0; i < encoder_.layers.size(); ++i) {
    if (stop.load()) return false;
    layer(encoder_.layers[i], task, rectified_[i % 2], rectified_[(i + 1) % 2], low[i + 1],
          high[i + 1]);
  }
  mean_frames(task);
  return true;
}

void EncodeWorker::layer(const EncoderLayer& layer, const EncodeTask& task, const Buffer& in,
                         const Buffer& out, std::int64_t low, std::int64_t high) {
  for (std::int64_t t = low; t < high; t += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, high - t));
    for (int tap = 0; tap < kTaps; ++tap)
      for (int r = 0; r < count; ++r) {
        const std::int64_t time = t + r + (tap - 1) * layer.dilation;
        const bool inside = time >= 0 && time < task.samples;
        rows_.input[index(tap * count + r)] = inside ? at(in, time) : encoder_.zeros.data();
      }
    for (int r = 0; r < count; ++r) {
      rows_.first[index(r)] = encoder_.zeros.data();
      rows_.out[index(r)] = hidden_.data() + index(r) * index(encoder_.width);
    }
    rows_.run(kernels_.float32.rectify_sum, layer.convolution, count);
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = rows_.out[index(r)];
      rows_.out[index(r)] = at(sums_, t + r);
      rows_.first[index(r)] = rows_.out[index(r)];
      rows_.rectified[index(r)] = at(out, t + r);
    }
    rows_.run(kernels_.add_rectify, layer.residual, count);
  }
}

// The bottleneck is linear, so the mean of a frame may be taken in front of it: 512 times fewer
// products.
void EncodeWorker::mean_frames(const EncodeTask& task) {
  const Config& config = encoder_.config;
  const std::size_t width = index(config.ae_width), bottleneck = index(config.ae_bottleneck);
  std::vector<double> sum(width);
  for (std::int64_t frame = task.frame_begin; frame < task.frame_end; ++frame) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int t = 0; t < config.ae_hop_length; ++t) {
      const float* x = at(sums_, frame * config.ae_hop_length + t);
      for (std::size_t c = 0; c < width; ++c) sum[c] += x[c];
    }
    float* mean = means_.data() + index(frame - task.frame_begin) * width;
    for (std::size_t c = 0; c < width; ++c)
      mean[c] = static_cast<float>(sum[c] / config.ae_hop_length);
  }
  const std::int64_t frames = task.frame_end - task.frame_begin;
  for (std::int64_t f = 0; f < frames; f += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, frames - f));
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = means_.data() + index(f + r) * width;
      rows_.out[index(r)] = encoded_.data() + index(r) * index(encoder_.bottleneck_width);
    }
    rows_.run(kernels_.float32.store, encoder_.bottleneck, count);
    for (int r = 0; r < count; ++r)
      std::copy_n(rows_.out[index(r)], bottleneck, task.out + index(f + r) * bottleneck);
  }
}

}  // namespace nsynth
