// What the Python faces of all networks share.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

#include "kernels/precision.hpp"

namespace nsynth {

inline void require(bool holds, const char* message) {
  if (!holds) throw std::invalid_argument(message);
}

inline Precision precision_named(const std::string& name) {
  if (name == "bfloat16") return Precision::bfloat16;
  if (name == "int16") return Precision::int16;
  if (name == "int8") return Precision::int8;
  require(name == "float32", "precision must be 'float32', 'bfloat16', 'int16' or 'int8'");
  return Precision::float32;
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
