// A mixture whose parts are native: log-probabilities, log-sum-exp and sums of a chunk of rows before it leaves the
// cache.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "categorical.hpp"
#include "cholesky.hpp"
#include "gaussian_diagonal.hpp"
#include "gaussian_full.hpp"
#include "logsumexp.hpp"
#include "module.hpp"

namespace tacit {
namespace {

constexpr double least = 1e-8;        // responsibilities up to this are left out of the sums
constexpr int64_t grain = 1920;       // rows of a lane: whole panels on every instruction set
constexpr int64_t flush_rows = 4096;  // so many rows are summed in T before they are added in float64

template <class A>
using dense = nb::ndarray<A, nb::c_contig, nb::device::cpu>;
using doubles = dense<double>;
using const_doubles = dense<const double>;
using const_ints = dense<const int32_t>;

template <class T>
struct Mixture {
  static constexpr int n = simd<T>::n, N = panel_rows<T>;

  int64_t rows;
  int K;
  std::vector<T> log_weights;
  std::vector<std::unique_ptr<Part<T>>> parts;

  Mixture(nb::handle numbers, nb::handle codes, int64_t rows, const_doubles log_weights, nb::list leaves, nb::list out)
      : rows(rows), K(int(log_weights.shape(0))), log_weights(log_weights.data(), log_weights.data() + K) {
    const Matrix x = matrix(numbers), labels = codes.is_none() ? Matrix{} : matrix(codes);
    for (size_t i = 0; i < leaves.size(); i++) {
      const auto leaf = nb::cast<nb::tuple>(leaves[i]), sums = nb::cast<nb::tuple>(out[i]);
      const std::string_view kind = nb::cast<const char*>(leaf[0]);
      const auto columns = nb::cast<const_ints>(leaf[1]);
      const Matrix mine = columns_of(kind == "categorical" ? labels : x, columns.data(), int(columns.shape(0)));
      auto result = [&](int j) { return sums.size() ? nb::cast<doubles>(sums[j], false).data() : nullptr; };
      if (kind == "categorical") {
        const auto sizes = nb::cast<const_ints>(leaf[2]);
        const auto tables = nb::cast<const_doubles>(leaf[3]);
        parts.push_back(std::make_unique<Categorical<T>>(mine, K, sizes.data(), tables.data(), result(0)));
      } else {
        const auto means = nb::cast<const_doubles>(leaf[2]), factor = nb::cast<const_doubles>(leaf[3]);
        if (kind == "diag")
          parts.push_back(std::make_unique<GaussianDiagonal<T>>(mine, K, means.data(), factor.data(), result(0),
                                                                result(1), result(2)));
        else
          parts.push_back(std::make_unique<GaussianFull<T>>(mine, K, means.data(), factor.data(),
                                                            kind == "full" ? K : 1, result(1), result(2)));
      }
    }
  }

  int width() const {
    int d = 0;
    for (const auto& part : parts) d += int(part->sums() / K / 8);
    return std::min(d, 64);
  }

  int worth(int threads) const {
    double cost = 10;  // of exp, and of a part about as much as it sums
    for (const auto& part : parts) cost += double(part->sums()) / K;
    return useful(double(rows) * K * cost, threads);
  }

  // Rows of a chunk: whole panels that divide the grain, such that the tile stays in the second-level cache.
  int chunk() const {
    const int64_t room = (int64_t(768) << 10) / (int64_t(sizeof(T)) * (K + 2 * width()));
    int panels = int(std::clamp<int64_t>(room, N, 1024) / N);
    while (grain / N % panels) panels--;
    return panels * N;
  }

  struct Work {
    buffer<T> tile, r;
    buffer<int> selected, every;  // rows of a chunk
    std::vector<std::unique_ptr<Worker<T>>> parts;
  };
  Work work(int chunk) const {
    Work w{allocate<T>(size_t(K) * chunk), allocate<T>(chunk), allocate<int>(chunk), allocate<int>(chunk), {}};
    std::iota(w.every.get(), w.every.get() + chunk, 0);
    for (const auto& part : parts) w.parts.push_back(part->worker(chunk));
    return w;
  }

  // tile[k, i] = log π_k + log p(x_i | k)
  void log_joint(Work& w, int64_t lo, int m, int chunk, bool sums) const {
    for (int k = 0; k < K; k++) std::fill_n(w.tile.get() + size_t(k) * chunk, chunk, log_weights[k]);
    for (auto& part : w.parts) {
      part->pack(lo, m, sums);
      part->log_prob(w.tile.get(), chunk);
    }
  }

  // Σ w log p(x) and Σ w H(z | x); N_k into counts, the parts' sums into their arrays.
  std::pair<double, double> sums(const double* weight, const int32_t* known, double* counts, int threads) const {
    size_t size = K + 2;  // objective, entropy, N_k, the parts'
    for (const auto& part : parts) size += part->sums();
    const int C = chunk();
    const Lanes l = lanes(rows, grain, std::min<size_t>(size * sizeof(double), 8 << 20));
    auto lane_sums = allocate<double>(size * l.count);
    each_lane(
        l, threads, [&] { return work(C); },
        [&](int lane, Work& w) {
          double* total = lane_sums.get() + size * lane;
          std::fill_n(total, size, 0.);
          int64_t since = 0;
          auto flush = [&] {
            double* at = total + 2 + K;
            for (size_t p = 0; p < parts.size(); p++) {
              w.parts[p]->flush(at);
              at += parts[p]->sums();
            }
            since = 0;
          };
          for (int64_t lo = l.begin(lane), end = l.end(lane); lo < end; lo += C) {
            const int m = int(std::min<int64_t>(C, end - lo));
            log_joint(w, lo, m, C, true);
            if (known) observe(w, known + lo, m, C);
            responsibilities(w, weight ? weight + lo : nullptr, m, C, total);
            accumulate(w, m, C, total + 2);
            since += m;
            if (since >= flush_rows) flush();
          }
          if (since) flush();
        });
    merge(lane_sums.get(), l.count, size, threads);
    std::copy_n(lane_sums.get() + 2, K, counts);
    const double* at = lane_sums.get() + 2 + K;
    for (const auto& part : parts) {
      part->finish(at, counts);
      at += part->sums();
    }
    return {lane_sums[0], lane_sums[1]};
  }

  // Where z was observed, all other components are impossible.
  void observe(Work& w, const int32_t* known, int m, int chunk) const {
    for (int i = 0; i < m; i++)
      if (known[i] >= 0)
        for (int k = 0; k < K; k++)
          if (k != known[i]) w.tile[size_t(k) * chunk + i] = -std::numeric_limits<T>::infinity();
  }

  // tile <- w_i r_ik, zero where r_ik is negligible; sums += Σ w_i log p(x_i), Σ w_i H(r_i)
  void responsibilities(Work& w, const double* weight, int m, int chunk, double* sums) const {
    using V = vec_t<T>;
    double objective = 0, entropy = 0;
    for (int i = 0; i < m; i += n) {
      T* tile = w.tile.get() + i;
      V most, dot;
      const V total = exponentials(tile, chunk, K, most, &dot), log_total = log_positive<T>(total);
      alignas(64) T log_prob[n], spread[n], wi[n];
      store(log_prob, most + log_total);
      store(spread, total > T(0) ? log_total - dot / total : V{});
      for (int u = 0; u < n; u++) {
        wi[u] = i + u >= m ? T(0) : weight ? T(weight[i + u]) : T(1);
        if (i + u >= m) continue;
        const double wide = weight ? weight[i + u] : 1.;
        objective += wide * double(log_prob[u]);
        entropy += wide * double(spread[u]);
      }
      const V floor = total * T(least), scale = load(wi) / total;
      for (int k = 0; k < K; k++) {
        T* at = tile + size_t(k) * chunk;
        const V e = load(at);
        store(at, e > floor ? e * scale : V{});
      }
    }
    sums[0] += objective;
    sums[1] += entropy;
  }

  void accumulate(Work& w, int m, int chunk, double* counts) const {
    using V = vec_t<T>;
    const bool lists = std::any_of(w.parts.begin(), w.parts.end(), [](auto& part) { return part->by_component(); });
    for (int k = 0; k < K; k++) {
      const T* at = w.tile.get() + size_t(k) * chunk;
      V sum = {};
      ivec_t<T> positive = {};
      for (int i = 0; i < m; i += n) {
        const V r = load(at + i);
        sum += r;
        positive -= r > V{};
      }
      double total = 0;
      int g = 0;
      for (int u = 0; u < n; u++) {
        total += double(sum[u]);
        g += int(positive[u]);
      }
      if (g == 0) continue;
      counts[k] += total;
      if (!lists) continue;
      const bool all = g == m;
      g = 0;
      for (int i = 0; i < m && !all; i++) {
        w.selected[g] = i;
        w.r[g] = at[i];
        g += at[i] > 0;
      }
      for (auto& part : w.parts)
        all ? part->accumulate(k, w.every.get(), at, m, T(total))
            : part->accumulate(k, w.selected.get(), w.r.get(), g, T(total));
    }
    for (auto& part : w.parts) part->accumulate(w.tile.get(), chunk);
  }

  // log p(x) [rows], and [rows, K] responsibilities or log p(x, z); the most probable component [rows]
  void answer(T* log_prob, T* resp, bool joint, int64_t* label, int threads) const {
    using V = vec_t<T>;
    const int C = chunk();
    const Lanes l = lanes(rows, grain, 1);
    each_lane(
        l, threads, [&] { return work(C); },
        [&](int lane, Work& w) {
          for (int64_t lo = l.begin(lane), end = l.end(lane); lo < end; lo += C) {
            const int m = int(std::min<int64_t>(C, end - lo));
            log_joint(w, lo, m, C, false);
            auto copy_out = [&] {
              for (int i = 0; i < m; i++)
                for (int k = 0; k < K; k++) resp[(lo + i) * K + k] = w.tile[size_t(k) * C + i];
            };
            if (label)
              for (int i = 0; i < m; i++) {
                int best = 0;
                for (int k = 1; k < K; k++)
                  if (w.tile[size_t(k) * C + i] > w.tile[size_t(best) * C + i]) best = k;
                label[lo + i] = best;
              }
            if (resp && joint) copy_out();
            if (!log_prob) continue;
            for (int i = 0; i < m; i += n) {
              T* tile = w.tile.get() + i;
              V most;
              const V total = exponentials(tile, C, K, most);
              alignas(64) T lp[n];
              store(lp, most + log_positive<T>(total));
              const V none = broadcast(T(1) / T(K));
              for (int k = 0; k < K; k++) {
                T* at = tile + size_t(k) * C;
                store(at, total > T(0) ? load(at) / total : none);
              }
              for (int u = 0; u < n && i + u < m; u++)
                log_prob[lo + i + u] = total[u] > 0 ? lp[u] : -std::numeric_limits<T>::infinity();
            }
            if (resp && !joint) copy_out();
          }
        });
  }
};

template <class A>
A* data(nb::handle a) {
  return a.is_none() ? nullptr : nb::cast<dense<A>>(a).data();
}

template <class T>
std::pair<double, double> sums(nb::handle numbers, nb::handle codes, int64_t rows, nb::handle weight, nb::handle known,
                               const_doubles log_weights, nb::list parts, nb::list out, doubles counts, int threads) {
  const Mixture<T> mixture(numbers, codes, rows, log_weights, parts, out);
  const double* w = data<const double>(weight);
  const int32_t* z = data<const int32_t>(known);
  double* c = counts.data();
  nb::gil_scoped_release release;
  return mixture.sums(w, z, c, mixture.worth(threads));
}

template <class T>
void rows(nb::handle numbers, nb::handle codes, int64_t rows, const_doubles log_weights, nb::list parts, nb::list out,
          nb::handle log_prob, nb::handle resp, bool joint, nb::handle label, int threads) {
  const Mixture<T> mixture(numbers, codes, rows, log_weights, parts, out);
  T *p = data<T>(log_prob), *r = data<T>(resp);
  int64_t* l = data<int64_t>(label);
  nb::gil_scoped_release release;
  mixture.answer(p, r, joint, l, mixture.worth(threads));
}

void inverse_cholesky(const_doubles covariances, doubles factor, doubles ridge, int threads) {
  const int count = int(covariances.shape(0)), d = int(covariances.shape(1));
  const double* s = covariances.data();
  double *a = factor.data(), *r = ridge.data();
  nb::gil_scoped_release release;
  const Lanes l = lanes(count, std::max(1, 20000 / (d * d * d + 1)), 1);
  each_lane(
      l, threads, [d] { return allocate<double>(size_t(d) * d); },
      [&](int lane, buffer<double>& work) {
        for (int64_t k = l.begin(lane); k < l.end(lane); k++)
          r[k] = inverse_factor(s + k * d * d, d, a + k * d * d, work.get());
      });
}

// out[k] = tr(A_k M_k A_kᵀ) for lower triangular A and symmetric M
void quadratics(const_doubles factor, const_doubles matrices, doubles out, int threads) {
  const int count = int(matrices.shape(0)), d = int(matrices.shape(1)), shared = int(factor.shape(0)) == 1;
  const double *a = factor.data(), *s = matrices.data();
  double* total = out.data();
  nb::gil_scoped_release release;
  const Lanes l = lanes(count, std::max(1, 20000 / (d * d * d + 1)), 1);
  each_lane(
      l, threads, [d] { return allocate<double>(d); },
      [&](int lane, buffer<double>& y) {
        for (int64_t k = l.begin(lane); k < l.end(lane); k++) {
          const double *A = a + (shared ? 0 : k) * d * d, *M = s + k * d * d;
          total[k] = 0;
          for (int r = 0; r < d; r++) {
            std::fill_n(y.get(), r + 1, 0.);
            for (int i = 0; i <= r; i++)
              for (int j = 0; j <= r; j++) y[j] += A[r * d + i] * M[i * d + j];
            for (int j = 0; j <= r; j++) total[k] += A[r * d + j] * y[j];
          }
        }
      });
}

template <class T>
void exp_log(dense<const T> x, dense<T> e, dense<T> l) {  // for the tests
  const int n = simd<T>::n;
  alignas(64) T in[n], out[n];
  for (size_t i = 0; i < x.size(); i += n) {
    const size_t m = std::min<size_t>(n, x.size() - i);
    std::fill_n(in, n, T(-1));
    std::copy_n(x.data() + i, m, in);
    store(out, exp_negative(load(in)));
    std::copy_n(out, m, e.data() + i);
    store(out, log_positive<T>(-load(in)));
    std::copy_n(out, m, l.data() + i);
  }
}

}  // namespace

void bind_mixture(nb::module_& m) {
  using nb::arg;
  auto both = [&](const char* suffix, auto zero) {
    using T = decltype(zero);
    m.def((std::string("mixture_sums_") + suffix).c_str(), sums<T>, arg("numbers"), arg("codes").none(), arg("rows"),
          arg("weight").none(), arg("known").none(), arg("log_weights"), arg("parts"), arg("out"), arg("counts"),
          arg("threads"));
    m.def((std::string("mixture_rows_") + suffix).c_str(), rows<T>, arg("numbers"), arg("codes").none(), arg("rows"),
          arg("log_weights"), arg("parts"), arg("out"), arg("log_prob").none(), arg("resp").none(), arg("joint"),
          arg("label").none(), arg("threads"));
  };
  both("32", 0.f);
  both("64", 0.);
  m.def("inverse_cholesky", inverse_cholesky, arg("covariances"), arg("factor"), arg("ridge"), arg("threads"));
  m.def("quadratics", quadratics, arg("factor"), arg("matrices"), arg("out"), arg("threads"));
  m.def("exp_log", exp_log<float>);
  m.def("exp_log", exp_log<double>);
}

}  // namespace tacit
