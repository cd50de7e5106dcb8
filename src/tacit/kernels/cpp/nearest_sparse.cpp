// Nearest centres of compressed sparse rows: a row's few entries meet all centres at once.
#include <nanobind/stl/optional.h>

#include <optional>
#include <vector>

#include "lanes.hpp"
#include "module.hpp"
#include "simd.hpp"
#include "sparse.hpp"

namespace tacit {
namespace nb = nanobind;
namespace {

using doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using const_doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using labels_out = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class A>
auto* pointer(const std::optional<A>& a) {
  return a ? a->data() : nullptr;
}

// Centres [K, d] beside their transpose [d, padded], negated and in units of their size (see Centres in nearest.hpp).
template <class T>
struct Columns {
  int K, d, padded;
  const double* exact;
  std::vector<double> squared;  // |c|²
  buffer<T> bias, transposed;

  Columns(const double* c, int K, int d, bool cosine)
      : K(K), d(d), padded((K + simd<T>::n - 1) / simd<T>::n * simd<T>::n), exact(c), squared(K) {
    double size = 0;
    for (int64_t i = 0; i < int64_t(K) * d; i++) size = std::max(size, std::abs(c[i]));
    const double unit = size > 0 && !cosine ? 1 / (size * size) : 1;
    bias = allocate<T>(padded);
    std::fill_n(bias.get(), padded, std::numeric_limits<T>::infinity());
    transposed = zeros<T>(size_t(padded) * d);
    for (int k = 0; k < K; k++) {
      for (int q = 0; q < d; q++) {
        const double v = c[size_t(k) * d + q];
        squared[k] += v * v;
        transposed[size_t(q) * padded + k] = T(-v * unit);
      }
      bias[k] = cosine ? T(0) : T(squared[k] * unit / 2);
    }
  }

  // score[k] = |c|²/2 - x·c, up to a factor
  template <class I>
  void score(const Sparse<T, I>& x, int64_t i, T* score) const {
    constexpr int n = simd<T>::n, B = 4;
    int k = 0;
    for (; k + B * n <= padded; k += B * n) block<B>(x, i, k, score + k);
    for (; k < padded; k += n) block<1>(x, i, k, score + k);
  }

  // |x|² - 2 x·c + |c|² in float64; what rounding leaves of equal rows is 0
  template <class I>
  double distance(const Sparse<T, I>& x, int64_t i, double scale, double norm, int k) const {
    double dot = 0;
    x.each(i, [&](int64_t q, T v) { dot += v * exact[size_t(k) * d + q]; });
    const double size = norm + squared[k], e = size - 2 * scale * dot;
    return e > 1e-14 * size ? e : 0;
  }

 private:
  template <int B, class I>
  void block(const Sparse<T, I>& x, int64_t i, int k, T* score) const {
    constexpr int n = simd<T>::n;
    vec_t<T> acc[B];
    for (int v = 0; v < B; v++) acc[v] = load(bias.get() + k + v * n);
    x.each(i, [&](int64_t q, T value) {
      const T* c = transposed.get() + size_t(q) * padded + k;
      for (int v = 0; v < B; v++) acc[v] += load(c + v * n) * value;
    });
    for (int v = 0; v < B; v++) store(score + v * n, acc[v]);
  }
};

// The factor to unit length (1 if not asked for) and |x|² after it.
template <class T, class I>
std::pair<double, double> norm(const Sparse<T, I>& x, int64_t i, bool cosine) {
  double sum = 0;
  x.each(i, [&](int64_t, T v) { sum += double(v) * double(v); });
  if (!cosine) return {1, sum};
  return sum > 0 ? std::pair{1 / std::sqrt(sum), 1.} : std::pair{0., 0.};
}

// Lanes whose sums are no more work than their rows.
template <class T, class I>
Lanes row_lanes(const Sparse<T, I>& x, int K, size_t sums) {
  const double per_row = double(x.entries()) / std::max<int64_t>(1, x.rows) + 1;
  const double worth = std::max(double(sums) / 2, double(1 << 18) / K) / per_row;
  return lanes(x.rows, std::max<int64_t>(64, int64_t(std::min(worth, 1e15))), sums * sizeof(double));
}

template <class T, class I>
double nearest(const Sparse<T, I>& x, const double* weight, const Columns<T>& c, bool cosine, int32_t* labels,
               double* distances, double* sums, double* counts, int threads) {
  const size_t size = 8 + (sums ? size_t(c.K) * (c.d + 1) : 0);
  const Lanes l = row_lanes(x, c.K, size);
  auto parts = zeros<double>(size * l.count);
  each_lane(
      l, threads, [&] { return allocate<T>(c.padded); },
      [&](int lane, buffer<T>& score) {
        double* cost = parts.get() + lane * size;
        double *count = cost + 8, *sum = count + c.K;
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          c.score(x, i, score.get());
          const int k = int(std::min_element(score.get(), score.get() + c.K) - score.get());
          if (labels) labels[i] = k;
          if (!sums && !distances) continue;
          const double w = weight ? weight[i] : 1;
          const auto [scale, squared] = norm(x, i, cosine);
          const double e = c.distance(x, i, scale, squared, k);
          if (distances) distances[i] = e;
          *cost += w * e;
          if (!sums) continue;
          count[k] += w;
          x.each(i, [&, s = scale](int64_t q, T v) { sum[size_t(k) * c.d + q] += w * (s * v); });
        }
      });
  merge(parts.get(), l.count, size, threads);
  if (sums) {
    std::copy_n(parts.get() + 8, c.K, counts);
    const double* sum = parts.get() + 8 + c.K;  // Σ w (x - c) = Σ w x - c Σ w
    for (size_t i = 0; i < size_t(c.K) * c.d; i++) sums[i] = sum[i] - counts[i / c.d] * c.exact[i];
  }
  return parts[0];
}

template <class T, class I>
void distances(const Sparse<T, I>& x, const Columns<T>& c, bool cosine, T* out, int threads) {
  each_lane(
      row_lanes(x, c.K, 1), threads, [] { return 0; },
      [&, l = row_lanes(x, c.K, 1)](int lane, int) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          const auto [scale, squared] = norm(x, i, cosine);
          for (int k = 0; k < c.K; k++) out[i * c.K + k] = T(std::sqrt(c.distance(x, i, scale, squared, k)));
        }
      });
}

template <class T, class I, class C>
void potentials(const Sparse<T, I>& x, const double* weight, const Columns<T>& c, bool cosine, C* closest, bool keep,
                double* potential, int threads) {
  const size_t size = (c.K + 7) / 8 * 8;
  const Lanes l = row_lanes(x, c.K, size);
  auto parts = zeros<double>(size * l.count);
  each_lane(
      l, threads, [] { return 0; },
      [&](int lane, int) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
          const auto [scale, squared] = norm(x, i, cosine);
          for (int k = 0; k < c.K; k++) {
            const C now = std::min(closest[i], C(c.distance(x, i, scale, squared, k)));
            parts[lane * size + k] += (weight ? weight[i] : 1) * now;
            if (keep) closest[i] = now;
          }
        }
      });
  merge(parts.get(), l.count, size, threads);
  std::copy_n(parts.get(), c.K, potential);
}

}  // namespace

void bind_nearest_sparse(nb::module_& m) {
  m.def(
      "nearest_sparse",
      [](sparse_array data, sparse_array indices, sparse_array indptr, std::optional<const_doubles> weight,
         const_doubles centers, bool cosine, std::optional<labels_out> labels, std::optional<doubles> distances,
         std::optional<doubles> sums, std::optional<doubles> counts, int threads) {
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        return with_sparse(data, indices, indptr, d, [&]<class T, class I>(const Sparse<T, I>& x) {
          nb::gil_scoped_release release;
          const Columns<T> c(centers.data(), K, d, cosine);
          return nearest(x, pointer(weight), c, cosine, pointer(labels), pointer(distances), pointer(sums),
                         pointer(counts), threads);
        });
      },
      nb::arg("data"), nb::arg("indices"), nb::arg("indptr"), nb::arg("weight").none(), nb::arg("centers"),
      nb::arg("cosine"), nb::arg("labels").none(), nb::arg("distances").none(), nb::arg("sums").none(),
      nb::arg("counts").none(), nb::arg("threads"));
  m.def(
      "distances_sparse",
      [](sparse_array data, sparse_array indices, sparse_array indptr, const_doubles centers, bool cosine,
         nb::ndarray<nb::c_contig, nb::device::cpu> out, int threads) {
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        with_sparse(data, indices, indptr, d, [&]<class T, class I>(const Sparse<T, I>& x) {
          nb::gil_scoped_release release;
          const Columns<T> c(centers.data(), K, d, cosine);
          distances(x, c, cosine, static_cast<T*>(out.data()), threads);
        });
      },
      nb::arg("data"), nb::arg("indices"), nb::arg("indptr"), nb::arg("centers"), nb::arg("cosine"), nb::arg("out"),
      nb::arg("threads"));
  m.def(
      "potentials_sparse",
      [](sparse_array data, sparse_array indices, sparse_array indptr, std::optional<const_doubles> weight,
         const_doubles centers, bool cosine, nb::ndarray<nb::c_contig, nb::device::cpu> closest, bool keep, doubles out,
         int threads) {
        const int K = int(centers.shape(0)), d = int(centers.shape(1));
        const bool single = closest.dtype().bits == 32;
        with_sparse(data, indices, indptr, d, [&]<class T, class I>(const Sparse<T, I>& x) {
          nb::gil_scoped_release release;
          const Columns<T> c(centers.data(), K, d, cosine);
          const double* w = pointer(weight);
          if (single) potentials(x, w, c, cosine, static_cast<float*>(closest.data()), keep, out.data(), threads);
          else potentials(x, w, c, cosine, static_cast<double*>(closest.data()), keep, out.data(), threads);
        });
      },
      nb::arg("data"), nb::arg("indices"), nb::arg("indptr"), nb::arg("weight").none(), nb::arg("centers"),
      nb::arg("cosine"), nb::arg("closest"), nb::arg("keep"), nb::arg("out"), nb::arg("threads"));
}

}  // namespace tacit
