#include "wavenet/team.hpp"

#include <chrono>
#include <exception>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nsynth {

namespace {

constexpr int kSpins = 1000;  // some tens of microseconds
constexpr std::chrono::milliseconds kPoll{40};

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

void Barrier::wait() {
  if (members_ == 1) return;
  const unsigned round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    arrived_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
    return;
  }
  for (int spins = 0; spins < kSpins; ++spins) {
    if (round_.load(std::memory_order_acquire) != round) return;
    relax();
  }
  round_.wait(round, std::memory_order_acquire);
}

void run_threads(int threads, const std::function<void(int)>& work, std::atomic<bool>& stop,
                 const std::function<void()>& poll) {
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  enum class Start { pending, go, cancelled } start = Start::pending;

  // No thread begins before all of them exist: the ones that did would wait for the others.
  const auto body = [&](int index) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return start != Start::pending; });
    if (start == Start::go) {
      lock.unlock();
      work(index);
      lock.lock();
    }
    --running;
    changed.notify_all();
  };

  std::vector<std::thread> started;
  std::exception_ptr failure;
  try {
    for (int i = 0; i < threads; ++i) {
      {
        const std::lock_guard<std::mutex> lock(mutex);
        ++running;
      }
      try {
        started.emplace_back(body, i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        --running;
        throw;
      }
    }
    {
      const std::lock_guard<std::mutex> lock(mutex);
      start = Start::go;
      changed.notify_all();
    }
    for (bool done = false; !done;) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        done = changed.wait_for(lock, kPoll, [&] { return running == 0; });
      }
      if (!done) poll();
    }
  } catch (...) {
    failure = std::current_exception();
    stop.store(true);
    const std::lock_guard<std::mutex> lock(mutex);
    if (start == Start::pending) start = Start::cancelled;
    changed.notify_all();
  }
  for (std::thread& thread : started) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace nsynth
