// What the Python faces of all networks share.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>

namespace nsynth {

inline void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

// Runs a function while the GIL is free, and now and then looks for signals and calls `on_poll`.
template <class Function>
auto without_gil(Function&& function, const std::function<void()>& on_poll = {}) {
  std::atomic<bool> stop{false};
  auto last = std::chrono::steady_clock::now();
  const std::function<void()> poll = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(200)) return;
    last = now;
    const nanobind::gil_scoped_acquire held;
    if (PyErr_CheckSignals() != 0) throw nanobind::python_error();
    if (on_poll) on_poll();
  };
  const nanobind::gil_scoped_release released;
  return function(stop, poll);
}

}  // namespace nsynth
