// k-means with bounds per row: what a row remembers, how far centres moved, and sums that follow the rows which change
// their centre.
//
// Hamerly (2010), "Making k-means even faster": one lower bound a row. Ding et al. (2015), "Yinyang k-means": one for
// each group of centres. A row keeps its centre while its upper bound is below all lower bounds, or below half the way
// from its centre to the next. Bounds are float32, and wide enough for the rounding of what they come from.
#pragma once
#include "nearest.hpp"

namespace tacit {

inline constexpr float infinite = std::numeric_limits<float>::infinity();
inline float above(double v) { return float(v) * (1 + 2.4e-7f); }
inline float below(double v) { return v > 0 ? float(v) * (1 - 2.4e-7f) : 0.f; }

// Σ_q (x_q - c_q)²
template <class T>
inline double apart(const T* x, const double* c, int d) {
  constexpr int n = simd<double>::n;
  vec_t<double> sum[2] = {};
  int q = 0;
  for (; q + 2 * n <= d; q += 2 * n)
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      const vec_t<double> e = widen(x + q + h * n) - load_loose<double>(c + q + h * n);
      sum[h] += e * e;
    }
  sum[0] += sum[1];
  double total = 0;
  for (int i = 0; i < n; i++) total += sum[0][i];
  for (; q < d; q++) total += (double(x[q]) - c[q]) * (double(x[q]) - c[q]);
  return total;
}

// Groups of centres: those of group g are order[j] for j in first[g] .. first[g + 1].
struct Groups {
  const int32_t *order, *first, *of;  // [K], [t + 1], [K]
  int t;
};

// How far the centres moved, and how far they are from each other.
struct Moves {
  std::vector<float> by;    // [K] |now - old|
  std::vector<float> most;  // [t] the largest of each group
  std::vector<float> drop;  // [K] the largest of the others in its group
  std::vector<float> half;  // [K] half the way to the nearest other centre

  Moves(const double* old, const double* now, int K, int d, const Groups& groups, int threads)
      : by(K), most(groups.t), drop(K), half(K) {
    for (int k = 0; k < K; k++) by[k] = above(std::sqrt(apart(old + size_t(k) * d, now + size_t(k) * d, d)));
    for (int g = 0; g < groups.t; g++) {
      float second = 0;
      int mover = -1;
      for (int j = groups.first[g]; j < groups.first[g + 1]; j++) {
        const int k = groups.order[j];
        if (by[k] > most[g]) second = most[g], most[g] = by[k], mover = k;
        else second = std::max(second, by[k]);
      }
      for (int j = groups.first[g]; j < groups.first[g + 1]; j++)
        drop[groups.order[j]] = groups.order[j] == mover ? second : most[g];
    }
    const Lanes l = lanes(K, 8, 1);
    each_lane(
        l, useful(double(K) * K * d, threads), [] { return 0; },
        [&](int lane, int) {
          for (int64_t k = l.begin(lane); k < l.end(lane); k++) {
            double least = std::numeric_limits<double>::infinity();
            for (int j = 0; j < K; j++)
              if (j != k) least = std::min(least, apart(now + size_t(k) * d, now + size_t(j) * d, d));
            half[k] = below(std::sqrt(least) / 2);
          }
        });
  }
};

// What rows remember.
struct Memory {
  int32_t* label;        // [n]
  float *upper, *lower;  // [n], [n, t]
};

// What rows that changed their centre add to its weight and to its sum about s.
struct Change {
  double *counts, *sums;  // [K], [K, d]
  const double* s;        // [d]

  template <class T>
  void move(const T* row, int d, double w, int from, int to) const {
    counts[to] += w;
    counts[from] -= w;
    double *plus = sums + size_t(to) * d, *minus = sums + size_t(from) * d;
    for (int q = 0; q < d; q++) {
      const double v = w * (double(row[q]) - s[q]);
      plus[q] += v;
      minus[q] -= v;
    }
  }
};

// Rows of T from wherever they lie, a chunk at a time.
template <class T>
class Chunk {
  const Matrix& x;
  Rows<T> whole{};
  bool direct;
  int64_t first = 0;
  int rows = 0;
  bool all = false;
  buffer<T> decoded;

 public:
  static constexpr int64_t room = 1 << 20;  // bytes of rows that are decoded
  int capacity;

  explicit Chunk(const Matrix& x) : x(x), direct(contiguous(x, whole)) {
    capacity = direct ? 4096 : int(std::clamp<int64_t>(room / (x.d() * int64_t(sizeof(T))), 16, 4096));
    if (!direct) decoded = allocate<T>(size_t(capacity) * x.d());
  }

  // Rows from .. from+m are asked for next, `wanted` of them.
  void open(int64_t from, int m, size_t wanted) {
    first = from, rows = m;
    all = !direct && wanted > size_t(m) / 8;
    if (all) interleave<T>(x, 0, x.d(), first, m, nullptr, decoded.get(), x.d());
  }

  const T* row(int i) {
    if (direct) return whole[first + i];
    T* out = decoded.get() + size_t(i) * x.d();
    if (!all)
      for (int q = 0; q < x.d(); q++) pack_column(x.columns[q], first + i, 1, 0., out + q, x.d());
    return out;
  }
};

// A row whose bounds did not settle it.
template <class T>
struct Open {
  int64_t at;  // in the block
  const T* row;
  int32_t label, old;
  double squared;  // |x - c_label|²
};

}  // namespace tacit
