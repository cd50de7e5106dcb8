// Declared determinism: rows are dealt to lanes by shape, lanes to threads; sums live in lanes and are merged in order,
// so the bits do not depend on the number of threads.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace tacit {

// Denormals are flushed to zero while a guard lives, in its own thread only.
class flush_denormals {
#if defined(__x86_64__)
  unsigned before = _mm_getcsr();

 public:
  flush_denormals() { _mm_setcsr(before | 0x8040); }
  ~flush_denormals() { _mm_setcsr(before); }
#elif defined(__aarch64__)
  uint64_t before;

 public:
  flush_denormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before));
    asm volatile("msr fpcr, %0" ::"r"(before | (1ull << 24)));
  }
  ~flush_denormals() { asm volatile("msr fpcr, %0" ::"r"(before)); }
#endif
  flush_denormals(const flush_denormals&) = delete;
};

struct free_aligned {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using buffer = std::unique_ptr<T[], free_aligned>;

// Uninitialised memory on a cache line.
template <class T>
buffer<T> allocate(size_t n) {
  void* p = std::aligned_alloc(64, (std::max<size_t>(n, 1) * sizeof(T) + 63) / 64 * 64);
  if (!p) throw std::bad_alloc();
  return buffer<T>(static_cast<T*>(p));
}
template <class T>
buffer<T> zeros(size_t n) {
  auto p = allocate<T>(n);
  std::fill_n(p.get(), n, T{});
  return p;
}

struct Lanes {
  int count;          // min(64, 32 MB / |S|), never more than there are grains
  int64_t rows, per;  // a lane takes `per` consecutive rows, a multiple of the grain
  int64_t begin(int lane) const { return std::min(rows, lane * per); }
  int64_t end(int lane) const { return std::min(rows, (lane + 1) * per); }
};

inline Lanes lanes(int64_t rows, int64_t grain, size_t bytes_of_sums) {
  const int64_t room = std::max<int64_t>(1, (int64_t(32) << 20) / std::max<int64_t>(1, bytes_of_sums));
  const int64_t grains = std::max<int64_t>(1, (rows + grain - 1) / grain);
  const int64_t count = std::min<int64_t>({64, room, grains});
  const int64_t per = (grains + count - 1) / count * grain;
  return {int(std::max<int64_t>(1, (rows + per - 1) / per)), rows, per};
}

// How many threads some multiplications are worth: one that has to be waited for, because another process has its
// processor, costs milliseconds.
inline int useful(double multiplications, int threads) { return multiplications < 8e6 ? 1 : threads; }

// f(lane, workspace of this thread), every lane once. Exceptions leave the parallel region whole.
template <class Make, class F>
void each_lane(const Lanes& l, int threads, Make make_workspace, F f) {
  std::exception_ptr error;
#pragma omp parallel num_threads(std::max(1, std::min(threads, l.count))) if (threads > 1 && l.count > 1)
  {
    flush_denormals guard;
    try {
      auto work = make_workspace();
#pragma omp for schedule(dynamic) nowait
      for (int lane = 0; lane < l.count; lane++) f(lane, work);
    } catch (...) {
#pragma omp critical
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// Sums of lanes [count, size], added into the first in the order of the lanes.
inline void merge(double* parts, int count, size_t size, int threads) {
  const Lanes slices = lanes(int64_t(size), 4096, 1);
  each_lane(
      slices, count > 1 ? threads : 1, [] { return 0; },
      [&](int slice, int) {
        for (int lane = 1; lane < count; lane++)
          for (int64_t i = slices.begin(slice); i < slices.end(slice); i++) parts[i] += parts[lane * size + i];
      });
}

}  // namespace tacit
