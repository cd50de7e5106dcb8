// One pass of k-means that reads only the rows whose bounds do not settle them; see bounded.hpp.
#include "bounded.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <optional>

#include "module.hpp"

namespace tacit {
namespace {

using doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using const_doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using const_ints = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using ints = nb::ndarray<int32_t, nb::c_contig, nb::device::cpu>;
using floats = nb::ndarray<float, nb::c_contig, nb::device::cpu>;

// A centre takes a row over if it is nearer, or as near and of lower index, by explicit differences.
template <class T>
inline void challenge(Open<T>& o, int k, double score, double noise, const double* centres, int d) {
  if (k == o.label || score - noise > o.squared) return;
  const double squared = apart(o.row, centres + size_t(k) * d, d);
  if (squared < o.squared || (squared == o.squared && k < o.label)) o.squared = squared, o.label = k;
}

// All centres at once, a panel of rows across the vector: for few columns. One group.
template <class T>
class Panels {
  static constexpr int P = panel_of<T>::P, N = panel_of<T>::N, n = simd<T>::n;
  const double* now;
  const Centres<T>& c;
  const double* norms;  // largest |c'|²
  PanelWork<T> work;
  buffer<T> rows;

 public:
  static constexpr int capacity = N;

  Panels(const double* now, const Centres<T>& c, const double* norms)
      : now(now), c(c), norms(norms), work(c), rows(allocate<T>(size_t(N) * c.d)) {}

  // Returns how many pairs of a row and a group were scored.
  int64_t settle(std::vector<Open<T>>& open, const Groups&, float* lower) {
    const int m = int(open.size());
    for (int i = 0; i < m; i++) std::copy_n(open[i].row, c.d, rows.get() + size_t(i) * c.d);
    const Rows<T> x = rows_of<T>(rows.get(), m, c.d);
    vec_t<T> best[P], second[P];
    ivec_t<T> arg[P];
    for (int u = 0; u < P; u++) {
      best[u] = second[u] = broadcast(std::numeric_limits<T>::infinity());
      arg[u] = ivec_t<T>{};
    }
    score<T, false>(
        c, work.panel.get(), work.partial.get(),
        [&](int q0, int q1, T* panel) { pack(x, 0, m, N, c.shift.data(), panel, q0, q1); }, [](int, int, int) {},
        [&]<int R>(std::integral_constant<int, R>, int first, const scores_t<T, R>& acc)
            __attribute__((always_inline)) {
#pragma GCC unroll 8
              for (int r = 0; r < R; r++) {
                const ivec_t<T> id = ivec_t<T>{} + (first + r);
#pragma GCC unroll 4
                for (int u = 0; u < P; u++) {
                  const auto less = acc[r][u] < best[u];
                  const vec_t<T> worse = less ? best[u] : acc[r][u];
                  second[u] = worse < second[u] ? worse : second[u];
                  best[u] = less ? acc[r][u] : best[u];
                  arg[u] = less ? id : arg[u];
                }
              }
            });
    const double eps = (c.d + 8) * double(std::numeric_limits<T>::epsilon());
    for (int i = 0; i < m; i++) {
      Open<T>& o = open[i];
      double norm = 0;
      for (int q = 0; q < c.d; q++) {
        const double v = double(T(o.row[q] - T(c.shift[q])));
        norm += v * v;
      }
      const double noise = eps * (norm + *norms);
      const double first = norm + 2 * double(best[i / n][i % n]) * c.spread2;
      const double next = norm + 2 * double(second[i / n][i % n]) * c.spread2;
      const int k = int(arg[i / n][i % n]);
      challenge(o, k, first, noise, now, c.d);
      lower[o.at] = below(std::sqrt(std::max(0., (o.label == k ? next : first) - noise)));
    }
    return m;
  }
};

// Centres as rows about a shift, by groups, each padded to whole tiles with centres that nothing is near.
template <class T>
struct Tiles {
  static constexpr int tile = 4;
  int d, stride;
  std::vector<T> shift;
  std::vector<int> first;      // [t + 1], of padded centres
  std::vector<int32_t> which;  // [padded]
  buffer<T> rows, norms;       // [padded, stride], [padded]
  double largest = 0;          // |c'|²

  Tiles(const double* c, int K, int d, const Groups& groups)
      : d(d), stride((d + simd<T>::n - 1) / simd<T>::n * simd<T>::n) {
    shift.resize(stride);
    for (int q = 0; q < d; q++) {
      double mean = 0;
      for (int k = 0; k < K; k++) mean += c[size_t(k) * d + q] / K;
      shift[q] = T(mean);
    }
    for (int g = 0; g < groups.t; g++) {
      first.push_back(int(which.size()));
      which.insert(which.end(), groups.order + groups.first[g], groups.order + groups.first[g + 1]);
      std::sort(which.begin() + first.back(), which.end());
      while (which.size() % tile) which.push_back(-1);
    }
    first.push_back(int(which.size()));
    rows = zeros<T>(which.size() * stride);
    norms = allocate<T>(which.size());
    for (size_t j = 0; j < which.size(); j++) {
      norms[j] = std::numeric_limits<T>::infinity();
      if (which[j] < 0) continue;
      double norm = 0;
      for (int q = 0; q < d; q++) {
        const T v = T(c[size_t(which[j]) * d + q] - double(shift[q]));
        rows[j * stride + q] = v;
        norm += double(v) * double(v);
      }
      norms[j] = T(norm);
      largest = std::max(largest, norm);
    }
  }
};

// A tile of rows meets a tile of centres, columns along the vector, group after group: for many columns.
template <class T>
class Dots {
  static constexpr int n = simd<T>::n, tile = Tiles<T>::tile;
  const double* now;
  const Tiles<T>& c;
  buffer<T> rows;  // [capacity, stride], about the shift
  std::vector<double> norm;
  std::vector<float> upper;
  std::vector<int> left;  // rows that a group is still open for

  // dots[r * tile + k] = x_r · c_k
  [[gnu::always_inline]] inline void product(const T* const (&x)[tile], const T* k, T* dots) const {
    vec_t<T> acc[tile * tile] = {};
    for (int q = 0; q < c.stride; q += n) {
      vec_t<T> v[tile];
#pragma GCC unroll 4
      for (int j = 0; j < tile; j++) v[j] = load(k + j * c.stride + q);
#pragma GCC unroll 4
      for (int r = 0; r < tile; r++) {
        const vec_t<T> u = load(x[r] + q);
#pragma GCC unroll 4
        for (int j = 0; j < tile; j++) acc[r * tile + j] += u * v[j];
      }
    }
#pragma GCC unroll 8
    for (int a = 0; a < tile * tile; a += n) {
      vec_t<T> r[n];
#pragma GCC unroll 16
      for (int i = 0; i < n; i++) r[i] = acc[a + i];
      transpose<T>(r);
      vec_t<T> sum = r[0];
#pragma GCC unroll 16
      for (int i = 1; i < n; i++) sum += r[i];
      store(dots + a, sum);
    }
  }

 public:
  int capacity;

  Dots(const double* now, const Tiles<T>& c)
      : now(now), c(c), capacity(std::clamp(int((256 << 10) / (c.stride * sizeof(T))) / tile * tile, 16, 512)) {
    rows = allocate<T>(size_t(capacity) * c.stride);
    norm.resize(capacity);
    upper.resize(capacity);
  }

  int64_t settle(std::vector<Open<T>>& open, const Groups& groups, float* lower) {
    const int m = int(open.size()), t = groups.t;
    int64_t met = 0;
    for (int i = 0; i < m; i++) {
      T* to = rows.get() + size_t(i) * c.stride;
      vec_t<T> sum{};
      int q = 0;
      for (; q + n <= c.d; q += n) {
        const vec_t<T> v = load_loose<T>(open[i].row + q) - load_loose<T>(c.shift.data() + q);
        store(to + q, v);
        sum += v * v;
      }
      double total = 0;
      for (; q < c.stride; q++) {
        to[q] = q < c.d ? T(open[i].row[q] - c.shift[q]) : T(0);
        total += double(to[q]) * double(to[q]);
      }
      for (int l = 0; l < n; l++) total += double(sum[l]);
      norm[i] = total;
      upper[i] = above(std::sqrt(open[i].squared));
    }
    const double eps = (c.stride / n + 12) * double(std::numeric_limits<T>::epsilon());
    for (int g = 0; g < t; g++) {
      left.clear();
      for (int i = 0; i < m; i++)
        if (!(lower[open[i].at * t + g] > upper[i])) left.push_back(i);
      met += int64_t(left.size());
      for (size_t j = 0; j < left.size(); j += tile) {
        const T* x[tile];
        const int some = int(std::min<size_t>(tile, left.size() - j));
        for (int r = 0; r < tile; r++) x[r] = rows.get() + size_t(left[j + std::min(r, some - 1)]) * c.stride;
        T best[tile], second[tile];
        int32_t arg[tile] = {};
        std::fill_n(best, tile, std::numeric_limits<T>::infinity());
        std::fill_n(second, tile, std::numeric_limits<T>::infinity());
        for (int k = c.first[g]; k < c.first[g + 1]; k += tile) {
          alignas(64) T dots[tile * tile];
          product(x, c.rows.get() + size_t(k) * c.stride, dots);
          for (int r = 0; r < some; r++)
            for (int i = 0; i < tile; i++) {
              const T s = c.norms[k + i] - 2 * dots[r * tile + i];
              if (s < best[r]) second[r] = best[r], best[r] = s, arg[r] = c.which[k + i];
              else second[r] = s < second[r] ? s : second[r];
            }
        }
        for (int r = 0; r < some; r++) {
          const int i = left[j + r];
          Open<T>& o = open[i];
          const double noise = eps * (norm[i] + c.largest), first = norm[i] + double(best[r]);
          const int before = o.label;
          const double was = o.squared;
          challenge(o, arg[r], first, noise, now, c.d);
          lower[o.at * t + g] =
              below(std::sqrt(std::max(0., (o.label == arg[r] ? norm[i] + double(second[r]) : first) - noise)));
          if (o.label == before) continue;
          upper[i] = above(std::sqrt(o.squared));
          float& home = lower[o.at * t + groups.of[before]];  // the centre it leaves is one of the others now
          home = std::min(home, below(std::sqrt(was)));
        }
      }
    }
    return met;
  }
};

// Bounds after the moves, and which rows they leave open.
void look(const Memory& memory, const Moves& moves, const Groups& groups, int64_t a, int m, uint8_t* unsettled) {
  constexpr float up = 1 + 2.4e-7f, down = 1 - 1.2e-7f;
  const int t = groups.t;
  const int32_t* label = memory.label + a;
  float* upper = memory.upper + a;
  if (t == 1) {
    float* lower = memory.lower + a;
    for (int i = 0; i < m; i++) {
      const int k = label[i];
      const float u = (upper[i] + moves.by[k]) * up, v = (lower[i] - moves.drop[k]) * down;
      upper[i] = u;
      lower[i] = v;
      unsettled[i] = !(u < v) & !(u < moves.half[k]);
    }
    return;
  }
  for (int i = 0; i < m; i++) {
    const int k = label[i];
    float* lower = memory.lower + (a + i) * t;
    const float own = (lower[groups.of[k]] - moves.drop[k]) * down;
    float least = infinite;
    for (int g = 0; g < t; g++) lower[g] = (lower[g] - moves.most[g]) * down;
    lower[groups.of[k]] = own;
    for (int g = 0; g < t; g++) least = std::min(least, lower[g]);
    upper[i] = (upper[i] + moves.by[k]) * up;
    unsettled[i] = !(upper[i] < least) & !(upper[i] < moves.half[k]);
  }
}

struct Pass {
  int64_t met = 0, changed = 0;
};

template <class T, class Make>
Pass run(const Matrix& x, const double* weight, const double* now, int K, int d, const Groups& groups,
         const Moves& moves, const Memory& memory, const double* s, double* counts, double* sums, int threads,
         Make make) {
  const int t = groups.t;
  const size_t size = size_t(K) * (d + 1) + 8;
  const int64_t grain = std::max<int64_t>(((int64_t(1) << 19) / (int64_t(K) * d) + 1) * 16, 4 * K);
  const Lanes l = lanes(x.rows, (grain + 63) / 64 * 64, size * sizeof(double));
  auto parts = zeros<double>(size * l.count);
  each_lane(
      l, useful(double(x.rows) * K * d, threads),
      [&] {
        struct Work {
          Chunk<T> chunk;
          decltype(make()) scan;
          std::vector<uint8_t> unsettled;
          std::vector<int32_t> list;
          std::vector<Open<T>> open;
        };
        return Work{Chunk<T>(x), make(), std::vector<uint8_t>(4096), {}, {}};
      },
      [&](int lane, auto& work) {
        double* part = parts.get() + lane * size;
        const Change change{part + 8, part + 8 + K, s};
        double &met = part[0], &changed = part[1];
        const auto flush = [&] {
          met += double(work.scan.settle(work.open, groups, memory.lower));
          for (const Open<T>& o : work.open) {
            memory.upper[o.at] = above(std::sqrt(o.squared));
            if (o.label == o.old) continue;
            memory.label[o.at] = o.label;
            change.move(o.row, d, weight ? weight[o.at] : 1., o.old, o.label);
            changed++;
          }
          work.open.clear();
        };
        for (int64_t a = l.begin(lane); a < l.end(lane); a += work.chunk.capacity) {
          const int m = int(std::min<int64_t>(work.chunk.capacity, l.end(lane) - a));
          work.list.clear();
          look(memory, moves, groups, a, m, work.unsettled.data());
          for (int i = 0; i < m; i++)
            if (work.unsettled[i]) work.list.push_back(i);
          work.chunk.open(a, m, work.list.size());
          for (const int i : work.list) {
            const T* row = work.chunk.row(i);
            const int k = memory.label[a + i];
            const double squared = apart(row, now + size_t(k) * d, d);
            const float u = memory.upper[a + i] = above(std::sqrt(squared));
            const float* lower = memory.lower + (a + i) * t;
            if (u < std::max(*std::min_element(lower, lower + t), moves.half[k])) continue;
            work.open.push_back({a + i, row, k, k, squared});
            if (int(work.open.size()) == work.scan.capacity) flush();
          }
          flush();
        }
      });
  merge(parts.get(), l.count, size, threads);
  for (int k = 0; k < K; k++) counts[k] += parts[8 + k];
  for (size_t i = 0; i < size_t(K) * d; i++) sums[i] += parts[8 + K + i];
  return {int64_t(parts[0]), int64_t(parts[1])};
}

// Σ_i w_i |x_i - c_{l_i}|² by explicit differences.
template <class T>
double cost(const Matrix& x, const double* weight, const double* centres, int d, const int32_t* label, int threads) {
  const Lanes l = lanes(x.rows, (1 << 16) / d + 64, 8);
  auto parts = zeros<double>(size_t(l.count) * 8);
  each_lane(
      l, useful(double(x.rows) * d * 8, threads), [&] { return Chunk<T>(x); },
      [&](int lane, Chunk<T>& chunk) {
        for (int64_t a = l.begin(lane); a < l.end(lane); a += chunk.capacity) {
          const int m = int(std::min<int64_t>(chunk.capacity, l.end(lane) - a));
          chunk.open(a, m, m);
          double sum = 0;
          for (int i = 0; i < m; i++)
            sum += (weight ? weight[a + i] : 1.) * apart(chunk.row(i), centres + size_t(label[a + i]) * d, d);
          parts[lane * 8] += sum;
        }
      });
  merge(parts.get(), l.count, 8, 1);
  return parts[0];
}

}  // namespace

void bind_bounded(nb::module_& m) {
  m.def(
      "bounded",
      [](nb::handle numbers, std::optional<const_doubles> weight, const_doubles old, const_doubles now,
         const_ints order, const_ints first, const_ints of, const_doubles s, ints label, floats upper, floats lower,
         doubles counts, doubles sums, bool single, bool dots, int threads) {
        const Matrix x = matrix(numbers);
        const int K = int(now.shape(0)), d = int(now.shape(1));
        if (d != x.d()) throw std::invalid_argument("centres and rows differ in the number of columns");
        const Groups groups{order.data(), first.data(), of.data(), int(first.shape(0)) - 1};
        const Memory memory{label.data(), upper.data(), lower.data()};
        const double* w = weight ? weight->data() : nullptr;
        Pass done;
        {
          nb::gil_scoped_release release;
          const Moves moves(old.data(), now.data(), K, d, groups, threads);
          const auto go = [&](auto zero) {
            using T = decltype(zero);
            if (dots) {
              const Tiles<T> c(now.data(), K, d, groups);
              done = run<T>(x, w, now.data(), K, d, groups, moves, memory, s.data(), counts.data(), sums.data(),
                            threads, [&] { return Dots<T>(now.data(), c); });
            } else {
              const Centres<T> c(now.data(), K, d, false, false);
              double largest = 0;
              for (int k = 0; k < K; k++) {
                double norm = 0;
                for (int q = 0; q < d; q++) norm += std::pow(now.data()[size_t(k) * d + q] - c.shift[q], 2);
                largest = std::max(largest, norm);
              }
              done = run<T>(x, w, now.data(), K, d, groups, moves, memory, s.data(), counts.data(), sums.data(),
                            threads, [&] { return Panels<T>(now.data(), c, &largest); });
            }
          };
          single ? go(0.f) : go(0.);
        }
        return std::pair(done.met, done.changed);
      },
      nb::arg("numbers"), nb::arg("weight").none(), nb::arg("old"), nb::arg("now"), nb::arg("order"), nb::arg("first"),
      nb::arg("of"), nb::arg("s"), nb::arg("label"), nb::arg("upper"), nb::arg("lower"), nb::arg("counts"),
      nb::arg("sums"), nb::arg("single"), nb::arg("dots"), nb::arg("threads"));
  m.def(
      "cost",
      [](nb::handle numbers, std::optional<const_doubles> weight, const_doubles centers, const_ints label, bool single,
         int threads) {
        const Matrix x = matrix(numbers);
        const int d = int(centers.shape(1));
        const double* w = weight ? weight->data() : nullptr;
        nb::gil_scoped_release release;
        return single ? cost<float>(x, w, centers.data(), d, label.data(), threads)
                      : cost<double>(x, w, centers.data(), d, label.data(), threads);
      },
      nb::arg("numbers"), nb::arg("weight").none(), nb::arg("centers"), nb::arg("label"), nb::arg("single"),
      nb::arg("threads"));
}

}  // namespace tacit
