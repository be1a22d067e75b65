#include "frames/generate.hpp"

#include <algorithm>
#include <cmath>

#include "frames/normal.hpp"

namespace nsynth {

std::size_t FrameWorker::bytes(const FrameNetwork& network, int rows) {
  const FrameSizes& s = network.sizes;
  const std::size_t a_row =
      (1 + index(s.layers)) * index(network.row(s.hidden)) + index(network.row(s.outputs()));
  return (index(rows) * a_row + index(network.row(s.frame)) +
          GatedScratch::floats(network.packing, s.hidden, rows)) *
         sizeof(float);
}

FrameWorker::FrameWorker(const FrameNetwork& network, int rows)
    : network_(network),
      kernels_(*network.kernels),
      rows_count_(rows),
      narrow_(network.row(network.sizes.hidden)),
      out_(network.row(network.sizes.outputs())),
      hidden_(index(rows) * index(narrow_)),
      scratch_(network.packing, network.sizes.hidden, rows),
      states_(index(network.sizes.layers) * index(rows) * index(narrow_)),
      outputs_(index(rows) * index(out_)),
      noise_(index(network.row(network.sizes.frame))),
      rows_(kernels_, network.packing, network.sizes.hidden, index(rows)),
      inputs_(index(rows)),
      advanced_(index(rows)) {
  active_.reserve(index(rows));
  // The padding is computed with, and has to be numbers.
  for (const Buffer* buffer : {&hidden_, &outputs_, &noise_})
    std::fill_n(buffer->data(), buffer->size(), 0.0f);
  silence();
}

void FrameWorker::silence() { std::fill_n(states_.data(), states_.size(), 0.0f); }

float* FrameWorker::state(int unit, int number) const {
  return row(states_, unit * rows_count_ + number, narrow_);
}

bool FrameWorker::run(FrameClip* clips, int count, const FrameMode& mode,
                      const std::atomic<bool>& stop, std::atomic<std::int64_t>& made) {
  silence();
  std::int64_t longest = 0;
  for (int i = 0; i < count; ++i) longest = std::max(longest, clips[i].total);
  for (std::int64_t time = 0; time < longest; ++time) {
    if (stop.load()) return false;
    // After a clip's last frame nothing is predicted, but for outputs that are wanted themselves.
    active_.clear();
    for (int i = 0; i < count; ++i) {
      const bool predicts = clips[i].heads != nullptr || time + 1 >= clips[i].given;
      if (time < clips[i].total - (clips[i].heads == nullptr) && (predicts || mode.window == 0))
        active_.push_back(i);
    }
    if (active_.empty()) continue;
    if (mode.window > 0) {
      silence();
      for (std::int64_t t = std::max<std::int64_t>(0, time + 1 - mode.window); t < time; ++t)
        feed(clips, t);
    }
    feed(clips, time);
    std::erase_if(active_, [&](int i) {
      return clips[i].heads == nullptr && time + 1 < clips[i].given;
    });
    predict(clips, time, mode.limit);
    made.fetch_add(static_cast<std::int64_t>(active_.size()));
  }
  return true;
}

void FrameWorker::feed(const FrameClip* clips, std::int64_t time) {
  const FrameSizes& s = network_.sizes;
  const int count = static_cast<int>(active_.size());
  const auto each = [&](const auto& function) {
    for (int r = 0; r < count; ++r) function(index(r), active_[index(r)]);
  };
  each([&](std::size_t r, int clip) {
    rows_.input[r] = clips[clip].frames + time * s.frame;
    rows_.out[r] = row(hidden_, clip, narrow_);
  });
  rows_.run(&Products::store, network_.input, count);
  for (int u = 0; u < s.layers; ++u) {
    each([&](std::size_t r, int clip) {
      inputs_[r] = u == 0 ? row(hidden_, clip, narrow_) : state(u - 1, clip);
      advanced_[r] = state(u, clip);
    });
    scratch_.step(kernels_, network_.units[index(u)], rows_, inputs_.data(), advanced_.data(),
                  count);
  }
}

void FrameWorker::predict(FrameClip* clips, std::int64_t time, float limit) {
  const FrameSizes& s = network_.sizes;
  const int count = static_cast<int>(active_.size());
  for (int r = 0; r < count; ++r) {
    rows_.input[index(r)] = state(s.layers - 1, active_[index(r)]);
    rows_.out[index(r)] = row(outputs_, r, out_);
  }
  rows_.run(&Products::store, network_.output, count);
  for (int r = 0; r < count; ++r) {
    FrameClip& clip = clips[active_[index(r)]];
    const float* head = row(outputs_, r, out_);
    if (clip.heads != nullptr) {
      std::copy_n(head, s.outputs(), clip.heads + time * s.outputs());
      continue;
    }
    const float* noise = nullptr;
    if (s.varies && clip.uniforms != nullptr) {
      const std::int64_t first = (time + 1 - clip.given) * s.frame;
      for (int i = 0; i < s.frame; ++i)
        noise_[index(i)] = normal(clip.uniforms[first + i]) *
                           clip.deviations[(first + i) * clip.deviation_step];
      noise = noise_.data();
    }
    float* next = clip.frames + (time + 1) * s.frame;
    kernels_.recurrent.draw(head, head + s.frame, noise, limit, s.frame, next);
    for (int i = 0; i < s.frame; ++i)
      if (std::isnan(next[i])) clip.finite = false;
  }
}

}  // namespace nsynth
