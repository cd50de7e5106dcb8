// Points against centres: a panel of points, transposed into L1, meets groups of centres whose scores stay in
// registers.
#pragma once
#include <algorithm>
#include <vector>

#include "lanes.hpp"
#include "matrix.hpp"

namespace tacit {

// What fills the registers: P vectors of points by G centres.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int panel_vectors = 3, group_centres = 8;
#elif defined(__AVX2__)
inline constexpr int panel_vectors = 2, group_centres = 6;
#else
inline constexpr int panel_vectors = 2, group_centres = 4;
#endif

template <class T>
struct panel_of {
  static constexpr int P = panel_vectors, N = P * simd<T>::n;  // vectors, points
  static constexpr int depth = 4096 / vector_bytes * 2;        // columns that stay in L1
};

template <class T, int R>
using scores_t = vec_t<T>[R][panel_of<T>::P];

// Centres c [K, d], about a point s amid them: c' = c - s, packed for the panel.
//
// Half the squared distance less |x'|²/2 is |c'|²/2 - x'·c'; for unit rows (cosine) -x·c. It is worked out in units of
// the centres' spread, so that squares neither overflow nor vanish, and about s, so that they do not cancel.
template <class T>
struct Centres {
  int K, d, stride;           // `exact` is [K, stride]
  std::vector<int> cuts;      // block b holds columns cuts[b] .. cuts[b + 1]
  std::vector<int> groups;    // sizes; the last may be padded with centres that nothing is near
  std::vector<double> shift;  // s [d], empty if none
  buffer<double> exact;       // c
  buffer<T> packed, bias;     // [block][group][column][centre]; [centre]
  double spread2 = 1;         // the squared unit of the scores

  Centres(const double* c, int K, int d, bool cosine, bool squared) : K(K), d(d), stride((d + 7) / 8 * 8) {
    exact = zeros<double>(size_t(K) * stride);
    for (int k = 0; k < K; k++) std::copy_n(c + size_t(k) * d, d, exact.get() + size_t(k) * stride);
    double spread = 1;
    if (!cosine) spread = centre(c);
    spread2 = spread * spread;
    const double unit = 1 / spread2;

    const int blocks = std::max(1, (d + panel_of<T>::depth - 1) / panel_of<T>::depth);
    constexpr int n = simd<T>::n;
    const int width = ((d + blocks - 1) / blocks + n - 1) / n * n;
    for (int q = 0; q < d; q += width) cuts.push_back(q);
    cuts.push_back(d);
    int padded = 0;
    for (int left = K; left > 0; left -= groups.back()) {
      groups.push_back(left == 1 ? 1 : left == 2 ? 2 : left <= 4 ? 4 : group_centres);
      padded += groups.back();
    }
    bias = allocate<T>(padded);
    std::fill_n(bias.get(), padded, std::numeric_limits<T>::infinity());
    packed = zeros<T>(size_t(padded) * d);
    T* out = packed.get();
    for (size_t b = 0; b + 1 < cuts.size(); b++) {
      int first = 0;
      for (const int R : groups) {
        for (int q = cuts[b]; q < cuts[b + 1]; q++)
          for (int r = 0; r < R; r++, out++)
            if (first + r < K) {
              const double v = at(first + r, q);
              *out = T(squared ? v : -v * unit);
            }
        first += R;
      }
    }
    for (int k = 0; k < K; k++) {
      double sum = 0;
      for (int q = 0; q < d; q++) {
        const double v = double(T(at(k, q) * unit)) / unit;
        sum += v * v * unit;
      }
      bias[k] = squared || cosine ? T(0) : T(sum / 2);
    }
  }

 private:
  double at(int k, int q) const {
    const double v = exact[size_t(k) * stride + q];
    if (shift.empty()) return v;
    // as the packer subtracts from a row of T, so that a centre that is a row is at distance 0 from it
    return v == double(T(v)) ? double(T(v) - T(shift[q])) : v - shift[q];
  }

  // s: the mean, to whole steps of the spread. Steps are powers of two, so that what is exact stays exact, and ties
  // ties.
  double centre(const double* c) {
    std::vector<double> mean(d);
    double spread = 0;
    for (int k = 0; k < K; k++)
      for (int q = 0; q < d; q++) mean[q] += c[size_t(k) * d + q] / K;
    for (int k = 0; k < K; k++)
      for (int q = 0; q < d; q++) spread = std::max(spread, std::abs(c[size_t(k) * d + q] - mean[q]));
    const bool usable = spread > 0 && spread < std::numeric_limits<double>::infinity();
    const double step = usable ? std::exp2(std::round(std::log2(spread))) : 1;
    shift.assign(d, 0.);
    for (int q = 0; q < d; q++) shift[q] = double(T(usable ? step * std::round(mean[q] / step) : mean[q]));
    return step;
  }
};

// acc[r][u] += Σ_q f(p_q, c_qr): minus the dot product, or the squared difference.
template <class T, int R, bool squared>
[[gnu::always_inline]] inline void accumulate(const T* panel, const T* c, int len, scores_t<T, R>& acc) {
  constexpr int P = panel_of<T>::P, n = simd<T>::n;
  for (int q = 0; q < len; q++, panel += P * n, c += R) {
    vec_t<T> p[P];
#pragma GCC unroll 4
    for (int u = 0; u < P; u++) p[u] = load(panel + u * n);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const T a = c[r];
#pragma GCC unroll 4
      for (int u = 0; u < P; u++) {
        if constexpr (squared) {
          const vec_t<T> e = p[u] - a;
          acc[r][u] += e * e;
        } else {
          acc[r][u] += p[u] * a;
        }
      }
    }
  }
}

// Scores of one panel. pack(q0, q1, panel) brings a block of columns; each(first centre, acc) takes finished groups;
// fetch(block, first centre, centres), called as often, may ask for what the next block will read.
// `partial` [K padded, N] keeps sums between blocks of columns.
template <class T, bool squared, class Pack, class Fetch, class Each>
inline void score(const Centres<T>& c, T* panel, T* partial, Pack pack, Fetch fetch, Each each) {
  constexpr int P = panel_of<T>::P, n = simd<T>::n;
  const int blocks = int(c.cuts.size()) - 1;
  const T* packed = c.packed.get();
  for (int b = 0; b < blocks; b++) {
    const int len = c.cuts[b + 1] - c.cuts[b];
    pack(c.cuts[b], c.cuts[b + 1], panel);
    int first = 0;
    for (const int size : c.groups) {
      const auto group = [&]<int R>(std::integral_constant<int, R>) __attribute__((always_inline)) {
        scores_t<T, R> acc;
        T* kept = partial + size_t(first) * P * n;
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
          for (int u = 0; u < P; u++) acc[r][u] = b ? load(kept + (r * P + u) * n) : broadcast(c.bias[first + r]);
        accumulate<T, R, squared>(panel, packed, len, acc);
        fetch(b, first, R);
        if (b + 1 == blocks) return each(std::integral_constant<int, R>{}, first, acc);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
          for (int u = 0; u < P; u++) store(kept + (r * P + u) * n, acc[r][u]);
      };
      if (size == group_centres) group(std::integral_constant<int, group_centres>{});
      else if (size == 4) group(std::integral_constant<int, 4>{});
      else if (size == 2) group(std::integral_constant<int, 2>{});
      else group(std::integral_constant<int, 1>{});
      packed += size_t(len) * size;
      first += size;
    }
  }
}

template <class T>
inline Rows<T> from(const Rows<T>& x, int64_t row) {
  return {x.base + row * x.stride, x.stride, x.end, x.d};
}

// What a thread needs for `score`, and the rows of a panel from wherever they lie.
template <class T>
struct PanelWork {
  static constexpr int N = panel_of<T>::N;
  int capacity;  // rows decoded at once
  buffer<T> panel, partial, decoded;

  explicit PanelWork(const Centres<T>& c, int rows = N)
      : capacity(rows),
        panel(allocate<T>(size_t(N) * std::min(c.d, c.cuts[1] + simd<T>::n))),
        partial(allocate<T>(size_t(N) * (c.K + group_centres))) {}

  // Rows lo .. lo+m as rows of T, scaled to unit length if asked; zero rows stay zero.
  Rows<T> rows(const Matrix& x, int64_t lo, int m, bool unit) {
    const int d = x.d();
    if (!decoded) decoded = allocate<T>(size_t(capacity) * d);
    interleave<T>(x, 0, d, lo, m, nullptr, decoded.get(), d);
    for (int i = 0; unit && i < m; i++) {
      T* row = decoded.get() + int64_t(i) * d;
      const double r = inverse_norm(row, d);
      for (int q = 0; q < d; q++) row[q] = T(row[q] * r);
    }
    return rows_of<T>(decoded.get(), m, d);
  }

  static double inverse_norm(const T* x, int d) {
    double sum = 0;
    for (int q = 0; q < d; q++) sum += double(x[q]) * double(x[q]);
    return sum > 0 ? 1 / std::sqrt(sum) : 0;
  }
};

}  // namespace tacit
