// Threads of one call: they are started for it, meet at a barrier, and end with it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace nsynth {

// Threads that meet many times a step: they spin for a moment, then sleep. One that sleeps is
// woken at once on a busy machine; one that only yields would wait for its turn.
class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}
  void wait();

 private:
  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> round_{0};
};

// One thread's place among those that share a piece of work.
struct Member {
  Barrier* barrier;
  int index, count;

  bool leads() const { return index == 0; }
  void wait() const { barrier->wait(); }
  // This member's part [first, second) of n things.
  std::pair<int, int> share(int n) const {
    return {static_cast<int>(static_cast<long>(n) * index / count),
            static_cast<int>(static_cast<long>(n) * (index + 1) / count)};
  }
};

// Runs work(0) … work(threads - 1), each on a thread of its own, and calls poll() on the calling
// thread every few dozen milliseconds until they are done. Where poll() throws, `stop` is set, the
// threads are waited for, and the exception goes on. Work must not throw.
void run_threads(int threads, const std::function<void(int)>& work, std::atomic<bool>& stop,
                 const std::function<void()>& poll);

}  // namespace nsynth
