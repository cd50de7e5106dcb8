// k-means in one pass: the nearest centre of every row, and each centre's weight, sum and cost.
#include "nearest.hpp"

#include <nanobind/stl/optional.h>

#include <optional>

#include "module.hpp"

namespace tacit {
namespace {

using doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using const_doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using any_floats = nb::ndarray<nb::c_contig, nb::device::cpu>;
using labels_out = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class A>
auto* pointer(const std::optional<A>& a) {
  return a ? a->data() : nullptr;
}

// |x/r - c|² by explicit differences.
template <class T, bool unit>
inline double squared_distance(const T* x, int d, double inverse, const double* c) {
  constexpr int n = simd<double>::n;
  vec_t<double> sum{};
  int q = 0;
  for (; q + n <= d; q += n) {
    const vec_t<double> e = (unit ? widen(x + q) * inverse : widen(x + q)) - load(c + q);
    sum += e * e;
  }
  double total = 0;
  for (int l = 0; l < n; l++) total += sum[l];
  for (; q < d; q++) {
    const double e = (unit ? x[q] * inverse : double(x[q])) - c[q];
    total += e * e;
  }
  return total;
}

// Rows in the order of their labels, so that a centre and its sum stay in registers while its rows pass.
struct Sorted {
  std::vector<int32_t> label, order, end;  // order: rows by label; those of k end at end[k]
  std::vector<double> weight, inverse;

  static constexpr int ahead = 8;  // rows to prefetch

  Sorted(int rows, int K) : label(rows), order(rows + ahead), end(K + 1), weight(rows), inverse(rows) {}

  void sort(int m, int K) {
    std::fill(end.begin(), end.end(), 0);
    for (int i = 0; i < m; i++) end[label[i] + 1]++;
    for (int k = 0; k < K; k++) end[k + 1] += end[k];
    for (int i = 0; i < m; i++) order[end[label[i]]++] = i;
  }
};

// B vectors of columns from q on, of the rows order[j .. end) of one centre: sum += Σ w (x - c), cost += Σ w (x - c)².
template <class T, bool unit, bool weighted, int B>
[[gnu::always_inline]] inline void add_columns(const Rows<T>& x, const Sorted& s, int j, int end, const double* centre,
                                               double* sum, int q, vec_t<double>& cost) {
  constexpr int n = simd<double>::n;
  constexpr int chains = B < 4 ? B : 4;  // of additions that need not wait for each other
  vec_t<double> c[B], acc[B], e2[chains] = {};
#pragma GCC unroll 8
  for (int v = 0; v < B; v++) {
    c[v] = load(centre + q + v * n);
    acc[v] = load(sum + q + v * n);
  }
  for (; j < end; j++) {
    const int i = s.order[j];
    const T* row = x[i] + q;
    const char* next = reinterpret_cast<const char*>(x[s.order[j + Sorted::ahead]] + q);
#pragma GCC unroll 8
    for (size_t byte = 0; byte < B * n * sizeof(T); byte += 64) __builtin_prefetch(next + byte);
#pragma GCC unroll 8
    for (int v = 0; v < B; v++) {
      const vec_t<double> e = (unit ? widen(row + v * n) * s.inverse[i] : widen(row + v * n)) - c[v];
      const vec_t<double> we = weighted ? e * s.weight[i] : e;
      acc[v] += we;
      e2[v % chains] += we * e;
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < chains; v++) cost += e2[v];
#pragma GCC unroll 8
  for (int v = 0; v < B; v++) store(sum + q + v * n, acc[v]);
}

// All columns: the rows of a centre are in a cache together. Returns Σ w |x - c|².
template <class T, bool unit, bool weighted>
double add_rows(const Rows<T>& x, const Sorted& s, const Centres<T>& c, double* sums) {
  constexpr int n = simd<double>::n, B = vector_bytes == 64 ? 8 : 4;
  vec_t<double> cost{};
  double rest = 0;
  for (int k = 0, j = 0; k < c.K; j = s.end[k++]) {
    const int end = s.end[k];
    if (j == end) continue;
    const double* centre = c.exact.get() + size_t(k) * c.stride;
    double* sum = sums + size_t(k) * c.stride;
    int q = 0;
    for (; q + B * n <= c.d; q += B * n) add_columns<T, unit, weighted, B>(x, s, j, end, centre, sum, q, cost);
    for (; q + 2 * n <= c.d; q += 2 * n) add_columns<T, unit, weighted, 2>(x, s, j, end, centre, sum, q, cost);
    for (; q + n <= c.d; q += n) add_columns<T, unit, weighted, 1>(x, s, j, end, centre, sum, q, cost);
    if (q == c.d) continue;
    for (int at = j; at < end; at++) {
      const int i = s.order[at];
      const T* row = x[i];
      for (int p = q; p < c.d; p++) {
        const double e = (unit ? row[p] * s.inverse[i] : double(row[p])) - centre[p];
        const double we = weighted ? e * s.weight[i] : e;
        sum[p] += we;
        rest += we * e;
      }
    }
  }
  for (int l = 0; l < n; l++) rest += cost[l];
  return rest;
}

// The nearest centres of up to N rows.
template <class T>
inline void nearest_panel(const Rows<T>& rows, int m, const Centres<T>& c, PanelWork<T>& work, int32_t* label) {
  constexpr int P = panel_of<T>::P, N = panel_of<T>::N, n = simd<T>::n;
  const bool wide = c.d * sizeof(T) >= 256;  // more rows at once than a processor foresees
  vec_t<T> best[P];
  ivec_t<T> arg[P];
  for (int u = 0; u < P; u++) {
    best[u] = broadcast(std::numeric_limits<T>::infinity());
    arg[u] = ivec_t<T>{};
  }
  score<T, false>(
      c, work.panel.get(), work.partial.get(),
      [&](int q0, int q1, T* panel) { pack(rows, 0, m, N, c.shift.empty() ? nullptr : c.shift.data(), panel, q0, q1); },
      [&](int b, int first, int R) __attribute__((always_inline)) {
        if (!wide) return;
        const bool last = b + 2 == int(c.cuts.size());  // then the next panel's first block
        const int q0 = last ? 0 : c.cuts[b + 1], q1 = last ? c.cuts[1] : c.cuts[b + 2];
        const int end = std::min(N, (first + R) * N / c.K);
        for (int i = first * N / c.K; i < end; i++) {
          const char* row = rows.base + (last ? i + N : i) * rows.stride;
          for (int q = q0; q < q1; q += 64 / int(sizeof(T))) __builtin_prefetch(row + q * sizeof(T));
        }
      },
      [&]<int R>(std::integral_constant<int, R>, int first, const scores_t<T, R>& acc) __attribute__((always_inline)) {
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
          const ivec_t<T> id = ivec_t<T>{} + (first + r);
#pragma GCC unroll 4
          for (int u = 0; u < P; u++) {
            const auto less = acc[r][u] < best[u];
            best[u] = less ? acc[r][u] : best[u];
            arg[u] = less ? id : arg[u];
          }
        }
      });
  for (int u = 0; u < P; u++)
    for (int i = 0; i < n && u * n + i < m; i++) label[u * n + i] = int32_t(arg[u][i]);
}

struct Wanted {
  int32_t* labels;        // [n]
  double* distances;      // [n], squared
  double *sums, *counts;  // [K, d], [K]; both or neither
};

// Σ_i w_i |x_i - c_{l_i}|², or 0 when only labels are wanted.
template <class T, bool cosine>
double nearest(const Matrix& x, const double* weight, const Centres<T>& c, const Wanted& out, int threads) {
  constexpr int N = panel_of<T>::N;
  struct Work {
    PanelWork<T> panel;
    Sorted sorted;
  };
  // a lane: the sums [K, stride], the counts [K], the objective; rows enough to be worth its memory and its start
  const size_t padded = (c.K + 7) / 8 * 8, size = 8 + (out.sums ? padded + size_t(c.K) * c.stride : 0);
  const int64_t work = (int64_t(1) << 19) / (int64_t(c.K) * c.d) + 1;
  const int64_t grain = (std::max<int64_t>(work, out.sums ? 16 * c.K : 0) + N - 1) / N * N;
  const Lanes l = lanes(x.rows, grain, size * sizeof(double));
  auto parts = allocate<double>(size * l.count);
  Rows<T> whole{};
  const bool direct = contiguous(x, whole);
  // rows that are sorted together: they stay in L2, and a centre has several among them
  const int64_t fit = (512 << 10) / (c.d * sizeof(T)) + 1;
  const int chunk = (int(std::min<int64_t>(std::max<int64_t>(fit, 4 * c.K), 4096)) + N - 1) / N * N;

  threads = useful(double(x.rows) * c.K * c.d, threads);
  each_lane(
      l, threads, [&] { return Work{PanelWork<T>(c, chunk), Sorted(chunk, c.K)}; },
      [&](int lane, Work& work) {
        double* objective = parts.get() + lane * size;
        double *counts = objective + 8, *sums = counts + padded;
        std::fill_n(objective, size, 0.);
        double cost = 0;
        const int64_t hi = l.end(lane);
        for (int64_t a = l.begin(lane); a < hi; a += chunk) {
          const int m = int(std::min<int64_t>(chunk, hi - a));
          const Rows<T> rows = direct ? from(whole, a) : work.panel.rows(x, a, m, false);
          int32_t* label = work.sorted.label.data();
          for (int i = 0; i < m; i += N) nearest_panel(from(rows, i), std::min(N, m - i), c, work.panel, label + i);
          if (out.labels) std::copy_n(label, m, out.labels + a);
          if (!out.sums && !out.distances) continue;
          Sorted& s = work.sorted;
          if constexpr (cosine)
            for (int i = 0; i < m; i++) s.inverse[i] = PanelWork<T>::inverse_norm(rows[i], c.d);
          if (weight) std::copy_n(weight + a, m, s.weight.data());
          if (out.sums) {
            s.sort(m, c.K);
            for (int i = 0; i < m; i++) counts[label[i]] += weight ? s.weight[i] : 1.;
            cost += weight ? add_rows<T, cosine, true>(rows, s, c, sums) : add_rows<T, cosine, false>(rows, s, c, sums);
          }
          if (out.distances)
            for (int i = 0; i < m; i++)
              out.distances[a + i] = squared_distance<T, cosine>(rows[i], c.d, cosine ? s.inverse[i] : 1.,
                                                                 c.exact.get() + size_t(label[i]) * c.stride);
        }
        *objective = cost;
      });

  merge(parts.get(), l.count, size, threads);
  if (out.sums) {
    const double *counts = parts.get() + 8, *sums = counts + padded;
    std::copy_n(counts, c.K, out.counts);
    for (int k = 0; k < c.K; k++) std::copy_n(sums + size_t(k) * c.stride, c.d, out.sums + size_t(k) * c.d);
  }
  return parts[0];
}

// Explicit squared distances to all centres, a panel at a time: each(lane, first row, rows, centres, first centre,
// acc).
template <class T, class Each>
void all_distances(const Matrix& x, const Centres<T>& c, bool cosine, const Lanes& l, int threads, Each each) {
  constexpr int N = panel_of<T>::N;
  Rows<T> whole{};
  const bool direct = !cosine && contiguous(x, whole);
  each_lane(
      l, useful(double(x.rows) * c.K * c.d, threads), [&] { return PanelWork<T>(c); },
      [&](int lane, PanelWork<T>& work) {
        const int64_t hi = l.end(lane);
        for (int64_t a = l.begin(lane); a < hi; a += N) {
          const int m = int(std::min<int64_t>(N, hi - a));
          const Rows<T> rows = direct ? from(whole, a) : work.rows(x, a, m, cosine);
          score<T, true>(
              c, work.panel.get(), work.partial.get(),
              [&](int q0, int q1, T* panel) {
                pack(rows, 0, m, N, c.shift.empty() ? nullptr : c.shift.data(), panel, q0, q1);
              },
              [](int, int, int) {},
              [&]<int R>(std::integral_constant<int, R>, int first, const scores_t<T, R>& acc)
                  __attribute__((always_inline)) { each(lane, a, m, std::min(R, c.K - first), first, &acc[0][0]); });
        }
      });
}

template <class T>
Lanes row_lanes(const Matrix& x, const Centres<T>& c) {
  constexpr int N = panel_of<T>::N;
  const int64_t work = (int64_t(1) << 18) / (int64_t(c.K) * c.d) + 1;
  return lanes(x.rows, (work + N - 1) / N * N, size_t(c.K) * sizeof(double));
}

// out[i, k] = |x_i - c_k|
template <class T>
void distances(const Matrix& x, const Centres<T>& c, bool cosine, T* out, int threads) {
  constexpr int P = panel_of<T>::P, n = simd<T>::n;
  all_distances(x, c, cosine, row_lanes(x, c), threads,
                [&](int, int64_t a, int m, int R, int first, const vec_t<T>* acc) {
                  for (int r = 0; r < R; r++)
                    for (int i = 0; i < m; i++) out[(a + i) * c.K + first + r] = std::sqrt(acc[r * P + i / n][i % n]);
                });
}

// potential[k] = Σ_i w_i min(closest_i, |x_i - c_k|²); closest takes the minimum over all centres if `keep`.
template <class T>
void potentials(const Matrix& x, const double* weight, const Centres<T>& c, bool cosine, T* closest, bool keep,
                double* potential, int threads) {
  constexpr int P = panel_of<T>::P, N = panel_of<T>::N, n = simd<T>::n;
  const Lanes l = row_lanes(x, c);
  const size_t size = (c.K + 7) / 8 * 8;
  auto parts = zeros<double>(size * l.count);
  all_distances(x, c, cosine, l, threads, [&](int lane, int64_t a, int m, int R, int first, const vec_t<T>* acc) {
    alignas(64) T least[N] = {}, w[N] = {};
    std::copy_n(closest + a, m, least);
    for (int i = 0; i < m; i++) w[i] = weight ? T(weight[a + i]) : T(1);
    for (int r = 0; r < R; r++) {
      vec_t<T> sum{};
      for (int u = 0; u < P; u++) {
        const vec_t<T> e = acc[r * P + u], before = load(least + u * n), now = e < before ? e : before;
        sum += now * load(w + u * n);
        if (keep) store(least + u * n, now);
      }
      double total = 0;
      for (int i = 0; i < n; i++) total += double(sum[i]);
      parts[lane * size + first + r] += total;
    }
    if (keep) std::copy_n(least, m, closest + a);
  });
  merge(parts.get(), l.count, size, 1);
  std::copy_n(parts.get(), c.K, potential);
}

}  // namespace

void bind_nearest(nb::module_& m) {
  m.def(
      "nearest",
      [](nb::handle numbers, std::optional<const_doubles> weight, const_doubles centers, bool single, bool cosine,
         std::optional<labels_out> labels, std::optional<doubles> distances, std::optional<doubles> sums,
         std::optional<doubles> counts, int threads) {
        const Matrix x = matrix(numbers);
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        if (d != x.d()) throw std::invalid_argument("centres and rows differ in the number of columns");
        const Wanted out{pointer(labels), pointer(distances), pointer(sums), pointer(counts)};
        const double* w = pointer(weight);
        nb::gil_scoped_release release;
        const auto run = [&](auto zero) {
          using T = decltype(zero);
          const Centres<T> c(centers.data(), K, d, cosine, false);
          return cosine ? nearest<T, true>(x, w, c, out, threads) : nearest<T, false>(x, w, c, out, threads);
        };
        return single ? run(0.f) : run(0.);
      },
      nb::arg("numbers"), nb::arg("weight").none(), nb::arg("centers"), nb::arg("single"), nb::arg("cosine"),
      nb::arg("labels").none(), nb::arg("distances").none(), nb::arg("sums").none(), nb::arg("counts").none(),
      nb::arg("threads"));
  m.def(
      "distances",
      [](nb::handle numbers, const_doubles centers, bool cosine, any_floats out, int threads) {
        const Matrix x = matrix(numbers);
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        const bool single = out.dtype().bits == 32;
        nb::gil_scoped_release release;
        const auto run = [&](auto zero) {
          using T = decltype(zero);
          const Centres<T> c(centers.data(), K, d, cosine, true);
          distances<T>(x, c, cosine, static_cast<T*>(out.data()), threads);
        };
        single ? run(0.f) : run(0.);
      },
      nb::arg("numbers"), nb::arg("centers"), nb::arg("cosine"), nb::arg("out"), nb::arg("threads"));
  m.def(
      "potentials",
      [](nb::handle numbers, std::optional<const_doubles> weight, const_doubles centers, bool cosine,
         any_floats closest, bool keep, doubles out, int threads) {
        const Matrix x = matrix(numbers);
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        const double* w = pointer(weight);
        const bool single = closest.dtype().bits == 32;
        nb::gil_scoped_release release;
        const auto run = [&](auto zero) {
          using T = decltype(zero);
          const Centres<T> c(centers.data(), K, d, cosine, true);
          potentials<T>(x, w, c, cosine, static_cast<T*>(closest.data()), keep, out.data(), threads);
        };
        single ? run(0.f) : run(0.);
      },
      nb::arg("numbers"), nb::arg("weight").none(), nb::arg("centers"), nb::arg("cosine"), nb::arg("closest"),
      nb::arg("keep"), nb::arg("out"), nb::arg("threads"));
}

}  // namespace tacit
