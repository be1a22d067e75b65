#include "frames/python.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frames/generate.hpp"
#include "frames/network.hpp"
#include "frames/normal.hpp"
#include "kernels/dispatch.hpp"
#include "binding.hpp"
#include "wavenet/selfcheck.hpp"
#include "wavenet/team.hpp"

namespace nb = nanobind;

namespace nsynth {
namespace {

using Constants = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Draws = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Frames = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

constexpr int kMostRows = 96;  // clips that a thread advances together

class FrameModel {
 public:
  FrameModel(const nb::dict& sizes, const nb::dict& arrays, const std::string& instruction_set)
      : kernels_(choose_kernels(instruction_set)) {
    check_kernels(kernels_, Precision::float32);
    const auto size = [&](const char* name) {
      const int value = nb::cast<int>(sizes[name]);
      require(value >= 1, "sizes must be above 0");
      return value;
    };
    const FrameSizes found{size("frame"), size("hidden"), size("layers"),
                           nb::cast<bool>(sizes["varies"])};
    std::vector<Constants> kept;
    const Tensors tensors = [&](const std::string& name, std::size_t count) {
      require(arrays.contains(name.c_str()), ("tensor '" + name + "' is missing").c_str());
      kept.push_back(nb::cast<Constants>(arrays[name.c_str()]));
      require(kept.back().size() == count,
              ("tensor '" + name + "' does not fit the model's sizes").c_str());
      return kept.back().data();
    };
    network_ = std::make_unique<FrameNetwork>(found, tensors, kernels_);
  }

  std::string instruction_set() const { return kernels_.name; }
  std::size_t memory(int threads) const {
    return FrameWorker::bytes(*network_, kMostRows) * static_cast<std::size_t>(threads);
  }

  std::vector<std::size_t> generate(const std::vector<Frames>& frames,
                                    const std::vector<std::int64_t>& given,
                                    const std::vector<Draws>& uniforms, const Draws& deviations,
                                    int window, float limit, int threads,
                                    const std::optional<nb::callable>& on_progress) const {
    require(given.size() == frames.size(), "as many numbers of given frames as clips are wanted");
    require(uniforms.empty() || uniforms.size() == frames.size(),
            "draws are wanted of all clips or of none");
    std::vector<FrameClip> clips;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      FrameClip& clip = clips.emplace_back(clip_of(frames[i], given[i]));
      const std::size_t made =
          (frames[i].shape(0) - static_cast<std::size_t>(given[i])) * frames[i].shape(1);
      if (uniforms.empty()) continue;
      require(uniforms[i].size() >= made, "a draw is wanted of each sample");
      require(deviations.size() == 1 || deviations.size() >= made,
              "a deviation is wanted of each sample, or one of all");
      clip.uniforms = uniforms[i].data();
      clip.deviations = deviations.data();
      clip.deviation_step = deviations.size() == 1 ? 0 : 1;
    }
    require(window >= 0 && limit > 0.0f, "window must be 0 or above, and limit above 0");
    advance(clips, {window, limit}, threads, on_progress);
    std::vector<std::size_t> not_finite;
    for (std::size_t i = 0; i < clips.size(); ++i)
      if (!clips[i].finite) not_finite.push_back(i);
    return not_finite;
  }

  void heads(const std::vector<Frames>& frames, const std::vector<Frames>& out, int threads) const {
    require(out.size() == frames.size(), "as many outputs as clips are wanted");
    std::vector<FrameClip> clips;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      FrameClip& clip =
          clips.emplace_back(clip_of(frames[i], static_cast<std::int64_t>(frames[i].shape(0))));
      require(out[i].shape(0) == frames[i].shape(0) &&
                  out[i].shape(1) == static_cast<std::size_t>(network_->sizes.outputs()),
              "an output is wanted for each frame");
      clip.heads = out[i].data();
    }
    advance(clips, {0, 1.0f}, threads, std::nullopt);
  }

 private:
  FrameClip clip_of(const Frames& frames, std::int64_t given) const {
    require(frames.shape(1) == static_cast<std::size_t>(network_->sizes.frame),
            "the frames do not fit the model");
    const std::int64_t total = static_cast<std::int64_t>(frames.shape(0));
    require(given >= 1 && given <= total, "at least a frame must be given, and no more than all");
    return FrameClip{frames.data(), given, total, nullptr, nullptr, 0, nullptr};
  }

  void advance(std::vector<FrameClip>& clips, const FrameMode& mode, int threads,
               const std::optional<nb::callable>& on_progress) const {
    require(threads > 0, "threads must be above 0");
    if (clips.empty()) return;
    const std::size_t share = (clips.size() + static_cast<std::size_t>(threads) - 1) /
                              static_cast<std::size_t>(threads);
    const std::size_t rows = std::min<std::size_t>(share, kMostRows);
    const std::size_t blocks = (clips.size() + rows - 1) / rows;
    const int workers = static_cast<int>(std::min(blocks, static_cast<std::size_t>(threads)));
    std::deque<FrameWorker> places;
    for (int i = 0; i < workers; ++i) places.emplace_back(*network_, static_cast<int>(rows));
    std::atomic<std::size_t> next{0};
    std::atomic<std::int64_t> made{0};
    const auto report = [&] {
      if (on_progress) (*on_progress)(made.load());
    };
    without_gil(
        [&](std::atomic<bool>& stop, const std::function<void()>& poll) {
          const auto work = [&](int thread) {
            for (std::size_t block; (block = next.fetch_add(1)) < blocks;) {
              const std::size_t first = block * rows;
              const std::size_t count = std::min(rows, clips.size() - first);
              if (!places[static_cast<std::size_t>(thread)].run(
                      clips.data() + first, static_cast<int>(count), mode, stop, made))
                return;
            }
          };
          run_threads(workers, work, stop, poll);
        },
        report);
    report();
  }

  const Kernels& kernels_;
  std::unique_ptr<FrameNetwork> network_;
};

}  // namespace

void bind_frames(nb::module_& module) {
  using namespace nb::literals;
  module.def("normal", [](float uniform) { return normal(uniform); }, "uniform"_a);
  nb::class_<FrameModel>(module, "FrameModel")
      .def(nb::init<const nb::dict&, const nb::dict&, const std::string&>(), "sizes"_a,
           "tensors"_a, "instruction_set"_a)
      .def_prop_ro("instruction_set", &FrameModel::instruction_set)
      .def("memory", &FrameModel::memory, nb::kw_only(), "threads"_a)
      .def("generate", &FrameModel::generate, "frames"_a, "given"_a, "uniforms"_a, "deviations"_a,
           nb::kw_only(), "window"_a, "limit"_a, "threads"_a, "on_progress"_a = nb::none())
      .def("heads", &FrameModel::heads, "frames"_a, "out"_a, nb::kw_only(), "threads"_a);
}

}  // namespace nsynth
