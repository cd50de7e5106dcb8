// What a native mixture is made of. Rows come in chunks of panels; the driver (mixture.cpp) owns a tile [K, chunk] of
// log p(x, z = k), to which each part adds its log-probabilities and from which, once it holds responsibilities, each
// part accumulates its sums.
#pragma once
#include <memory>
#include <vector>

#include "lanes.hpp"
#include "matrix.hpp"
#include "simd.hpp"

namespace tacit {

inline constexpr int panel_vectors = vector_bytes == 64 ? 6 : 3;  // with groups of four rows this fills the registers
template <class T>
inline constexpr int panel_rows = panel_vectors * simd<T>::n;

inline int padded(int d, int step) { return (d + step - 1) / step * step; }

// One thread's panels and sums of one part.
template <class T>
class Worker {
 public:
  virtual ~Worker() = default;
  // Read rows lo .. lo + m; `sums` says whether they will be accumulated.
  virtual void pack(int64_t lo, int m, bool sums) = 0;
  // tile[k * stride + i] += log p(x_i | k) for the rows last packed, in whole panels.
  virtual void log_prob(T* tile, int stride) = 0;
  // Whether sums are made component by component, from lists of rows, or from the whole tile at once.
  virtual bool by_component() const { return true; }
  // Add the rows i = rows[0 .. g) with responsibilities r[0 .. g), of a given total, to the sums of component k.
  virtual void accumulate(int, const int*, const T*, int, T) {}
  // Add all rows last packed with the responsibilities tile[k * stride + i].
  virtual void accumulate(const T*, int) {}
  // lane += the sums since the last flush.
  virtual void flush(double* lane) = 0;
};

// One part of the mixture: parameters, shared by all threads.
template <class T>
class Part {
 public:
  virtual ~Part() = default;
  virtual size_t sums() const = 0;  // how many numbers
  virtual std::unique_ptr<Worker<T>> worker(int chunk) const = 0;
  // The sums in their final form into the arrays of the caller, counts[k] = N_k at hand.
  virtual void finish(const double* sums, const double* counts) const = 0;
};

inline Matrix columns_of(const Matrix& x, const int32_t* which, int d) {
  Matrix m;
  m.rows = x.rows;
  for (int q = 0; q < d; q++) m.columns.push_back(x.columns.at(which[q]));
  return m;
}

// A common shift for packing, and what remains of each mean beyond it: μ_k = shift + rest_k up to rounding in T.
template <class T>
struct Centres {
  std::vector<double> shift;  // [d], a number of T
  std::vector<T> rest;        // [K, d]
  std::vector<double> error;  // [K, d], (shift + rest) - μ

  Centres(const double* means, int K, int d) : shift(d), rest(size_t(K) * d), error(size_t(K) * d) {
    for (int q = 0; q < d; q++) {
      double sum = 0;
      for (int k = 0; k < K; k++) sum += means[k * size_t(d) + q];
      shift[q] = double(T(sum / K));
      for (int k = 0; k < K; k++) {
        const size_t at = k * size_t(d) + q;
        rest[at] = T(means[at] - shift[q]);
        error[at] = shift[q] + double(rest[at]) - means[at];
      }
    }
  }
};

}  // namespace tacit
