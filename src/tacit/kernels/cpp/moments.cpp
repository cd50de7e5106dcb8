// First and second moments about a shift. The outer product Σ w (x - s)(x - s)ᵀ is half of a matrix product: tiles on
// and below the diagonal, in the data's precision for runs of rows, then chunks of runs, added up in float64.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <vector>

#include "lanes.hpp"
#include "matrix.hpp"
#include "module.hpp"

namespace tacit {
namespace {

using doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using weights = std::optional<nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>>;

constexpr int chunk = 512;      // rows between two additions of products into float64
constexpr int run = 128;        // rows whose products are added one by one
constexpr int few = 32;         // and of sums
constexpr int team_from = 192;  // columns from which threads share tiles of one sum; below it they share rows

// Columns are packed in tiles of W: tile[i * W + c] = √w_i (x[i, t W + c] - shift). A tile is either side of a product.
template <class T>
struct Tile {
  static constexpr int n = simd<T>::n, P = 3, W = P * n;
  static constexpr int G = vector_bytes == 64 ? 8 : W % 4 ? 3 : 4;  // G x P accumulators fill the registers
  static_assert(W % G == 0);
};

template <class T, class V>
inline void pack_rows(const Matrix& x, int64_t lo, int m, int first, int columns, const double* shift, T* tile) {
  constexpr int W = Tile<T>::W;
  using D = std::conditional_t<std::is_same_v<V, float> && std::is_same_v<T, float>, float, double>;
  D s[W];
  for (int c = 0; c < columns; c++) s[c] = D(shift[first + c]);
  for (int i = 0; i < m; i++) {
    const char* row = x.base + (lo + i) * x.row_stride + first * int64_t(sizeof(V));
    V v[W];
    std::memcpy(v, row, columns * sizeof(V));
    if (columns == W)
      for (int c = 0; c < W; c++) tile[i * W + c] = T(D(v[c]) - s[c]);
    else
      for (int c = 0; c < columns; c++) tile[i * W + c] = T(D(v[c]) - s[c]);
  }
}

// Rows lo .. lo+m of tile t. Columns past the last are left alone: they were zeroed once.
template <class T>
void pack_tile(const Matrix& x, int64_t lo, int m, int t, const double* shift, const double* w, T* tile) {
  constexpr int W = Tile<T>::W;
  const int first = t * W, columns = std::min(W, x.d() - first);
  if (x.base && x.columns[0].type == DType::f32) pack_rows<T, float>(x, lo, m, first, columns, shift, tile);
  else if (x.base && x.columns[0].type == DType::f64) pack_rows<T, double>(x, lo, m, first, columns, shift, tile);
  else interleave<T>(x, first, first + columns, lo, m, shift, tile, W);
  if (w)
    for (int i = 0; i < m; i++) {
      const T root = T(std::sqrt(w[lo + i]));
      for (int c = 0; c < W; c++) tile[i * W + c] *= root;
    }
}

// out[c] += Σ_i √w_i tile[i, c]; a sum has no squares to keep its roundings apart, hence few rows between float64
template <class T>
void add_sum(const T* tile, int64_t lo, int m, int columns, const double* w, double* out) {
  using S = Tile<T>;
  for (int from = 0; from < m; from += few) {
    vec_t<T> sum[S::P] = {};
    for (int i = from; i < std::min(m, from + few); i++) {
      const vec_t<T> root = broadcast<T>(w ? T(std::sqrt(w[lo + i])) : T(1));
      for (int u = 0; u < S::P; u++) sum[u] += root * load(tile + i * S::W + u * S::n);
    }
    for (int c = 0; c < columns; c++) out[c] += sum[c / S::n][c % S::n];
  }
}

// out[r, c] = Σ_i a[i, r] b[i, c] for G columns of a tile against a whole one; added to what is there if `more`
template <class T>
inline void product(const T* __restrict__ a, const T* __restrict__ b, int m, bool more, T* __restrict__ out) {
  using S = Tile<T>;
  vec_t<T> acc[S::G][S::P];
#pragma GCC unroll 16
  for (int r = 0; r < S::G; r++)
#pragma GCC unroll 4
    for (int u = 0; u < S::P; u++) acc[r][u] = vec_t<T>{};
  for (int i = 0; i < m; i++) {
    vec_t<T> p[S::P];
#pragma GCC unroll 4
    for (int u = 0; u < S::P; u++) p[u] = load(b + i * S::W + u * S::n);
#pragma GCC unroll 16
    for (int r = 0; r < S::G; r++) {
      const T ar = a[i * S::W + r];
#pragma GCC unroll 4
      for (int u = 0; u < S::P; u++) acc[r][u] += p[u] * ar;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < S::G; r++)
#pragma GCC unroll 4
    for (int u = 0; u < S::P; u++) {
      T* at = out + r * S::W + u * S::n;
      store(at, more ? load(at) + acc[r][u] : acc[r][u]);
    }
}

// outer[i-th tile of rows, j-th tile of columns] += aᵀ b
template <class T>
void add_product(const T* tiles, int m, int d, int i, int j, double* outer) {
  using S = Tile<T>;
  alignas(64) T part[S::W * S::W];
  const int rows = std::min(S::W, d - i * S::W), columns = std::min(S::W, d - j * S::W);
  for (int from = 0; from < m; from += run) {
    const T *a = tiles + (int64_t(i) * chunk + from) * S::W, *b = tiles + (int64_t(j) * chunk + from) * S::W;
    for (int r = 0; r < rows; r += S::G) product<T>(a + r, b, std::min(run, m - from), from > 0, part + r * S::W);
  }
  for (int r = 0; r < rows; r++) {
    double* out = outer + int64_t(i * S::W + r) * d + j * S::W;
    if (columns == S::W)
      for (int c = 0; c < S::W; c++) out[c] += part[r * S::W + c];
    else
      for (int c = 0; c < columns; c++) out[c] += part[r * S::W + c];
  }
}

struct Job {
  Matrix x;
  const double* shift;
  const double* w;
  double *sum, *outer;
};

// Few columns: rows are dealt to lanes, each with sums of its own.
template <class T>
void by_rows(const Job& j, int threads) {
  using S = Tile<T>;
  const int d = j.x.d(), n_tiles = (d + S::W - 1) / S::W;
  const size_t size = size_t(d) * (d + 1);  // sum, then outer
  const Lanes l = lanes(j.x.rows, chunk, size * sizeof(double));
  std::vector<buffer<double>> sums(l.count);
  each_lane(
      l, threads, [&] { return zeros<T>(size_t(n_tiles) * chunk * S::W); },
      [&](int lane, buffer<T>& tiles) {
        auto s = zeros<double>(size);
        for (int64_t lo = l.begin(lane), hi = l.end(lane); lo < hi; lo += chunk) {
          const int m = int(std::min<int64_t>(chunk, hi - lo));
          for (int a = 0; a < n_tiles; a++) {
            T* tile = tiles.get() + size_t(a) * chunk * S::W;
            pack_tile(j.x, lo, m, a, j.shift, j.w, tile);
            add_sum(tile, lo, m, std::min(S::W, d - a * S::W), j.w, s.get() + a * S::W);
            for (int b = 0; b <= a; b++) add_product(tiles.get(), m, d, a, b, s.get() + d);
          }
        }
        sums[lane] = std::move(s);
      });
  for (const auto& s : sums) {
    for (int q = 0; q < d; q++) j.sum[q] += s[q];
    for (size_t q = 0; q < size_t(d) * d; q++) j.outer[q] += s[d + q];
  }
}

// Many columns: one sum; the threads share the tiles of a chunk of rows, and meanwhile pack the next chunk. A tile's
// additions happen in row order whoever makes them.
template <class T>
void by_tiles(const Job& j, int threads) {
  using S = Tile<T>;
  const int d = j.x.d(), n_tiles = (d + S::W - 1) / S::W, n_pairs = n_tiles * (n_tiles + 1) / 2;
  const size_t size = size_t(n_tiles) * chunk * S::W;
  auto packed = zeros<T>(2 * size);
  std::vector<std::pair<int, int>> pairs;
  for (int a = 0; a < n_tiles; a++)
    for (int b = 0; b <= a; b++) pairs.emplace_back(a, b);
  const auto rows = [&](int64_t lo) { return int(std::clamp<int64_t>(j.x.rows - lo, 0, chunk)); };
#pragma omp parallel num_threads(std::max(1, threads)) if (threads > 1)
  {
    flush_denormals guard;
#pragma omp for schedule(dynamic)
    for (int t = 0; t < n_tiles; t++)
      pack_tile(j.x, 0, rows(0), t, j.shift, j.w, packed.get() + size_t(t) * chunk * S::W);
    int now = 0;
    for (int64_t lo = 0; lo < j.x.rows; lo += chunk, now ^= 1) {
      const T* tiles = packed.get() + now * size;
      T* next = packed.get() + (now ^ 1) * size;
#pragma omp for schedule(dynamic)
      for (int task = 0; task < n_tiles + n_pairs; task++) {
        if (task < n_tiles) {
          pack_tile(j.x, lo + chunk, rows(lo + chunk), task, j.shift, j.w, next + size_t(task) * chunk * S::W);
          continue;
        }
        const auto [a, b] = pairs[task - n_tiles];
        if (a == b)
          add_sum(tiles + size_t(a) * chunk * S::W, lo, rows(lo), std::min(S::W, d - a * S::W), j.w, j.sum + a * S::W);
        add_product(tiles, rows(lo), d, a, b, j.outer);
      }
    }
  }
}

template <class T>
void run_moments(const Job& j, int threads) {
  const int64_t d = j.x.d();
  if (j.x.rows * d * (d + 32) < 2'000'000) threads = 1;  // waking a thread costs more
  if (d < team_from) by_rows<T>(j, threads);
  else by_tiles<T>(j, threads);
  for (int64_t a = 0; a < d; a++)
    for (int64_t b = 0; b < a; b++) j.outer[b * d + a] = j.outer[a * d + b];
}

void moments(nb::handle numbers, doubles shift, weights weight, bool single, doubles sum, doubles outer, int threads) {
  const Job j{matrix(numbers), shift.data(), weight ? weight->data() : nullptr, sum.data(), outer.data()};
  nb::gil_scoped_release release;
  if (single) run_moments<float>(j, threads);
  else run_moments<double>(j, threads);
}

// Per column, over the cells that are there: weight, Σ w (x - s), Σ w (x - s)². Chunks without a gap go by vectors.
struct Columns {
  double *weight, *sum, *square;
};

template <class T>
void add_columns(const T* tile, int64_t lo, int m, int columns, const double* w, Columns out) {
  using S = Tile<T>;
  vec_t<T> sum[S::P] = {}, square[S::P] = {};
  double total = 0;
  for (int i = 0; i < m; i++) {
    const double wi = w ? w[lo + i] : 1;
    total += wi;
    for (int u = 0; u < S::P; u++) {
      const vec_t<T> v = load(tile + i * S::W + u * S::n), wv = broadcast<T>(T(wi)) * v;
      sum[u] += wv;
      square[u] += wv * v;
    }
  }
  for (int c = 0; c < columns; c++) {
    const T s = sum[c / S::n][c % S::n];
    if (s == s) {
      out.weight[c] += total;
      out.sum[c] += s;
      out.square[c] += square[c / S::n][c % S::n];
      continue;
    }
    for (int i = 0; i < m; i++) {
      const double v = tile[i * S::W + c], wi = w ? w[lo + i] : 1;
      if (v != v) continue;
      out.weight[c] += wi;
      out.sum[c] += wi * v;
      out.square[c] += wi * v * v;
    }
  }
}

template <class T>
void run_columns(const Matrix& x, const double* shift, const double* w, Columns out, int threads) {
  using S = Tile<T>;
  const int d = x.d(), n_tiles = (d + S::W - 1) / S::W;
  if (x.rows * d < 500'000) threads = 1;
  const Lanes l = lanes(x.rows, chunk, 3 * size_t(d) * sizeof(double));
  auto sums = zeros<double>(size_t(l.count) * 3 * d);
  each_lane(
      l, threads, [] { return zeros<T>(size_t(chunk) * S::W); },
      [&](int lane, buffer<T>& tile) {
        for (int64_t lo = l.begin(lane), hi = l.end(lane); lo < hi; lo += chunk) {
          const int m = int(std::min<int64_t>(chunk, hi - lo));
          for (int t = 0; t < n_tiles; t++) {
            pack_tile<T>(x, lo, m, t, shift, nullptr, tile.get());
            double* s = sums.get() + size_t(lane) * 3 * d + t * S::W;
            for (int i = 0; i < m; i += few)
              add_columns(tile.get() + i * S::W, lo + i, std::min(few, m - i), std::min(S::W, d - t * S::W), w,
                          {s, s + d, s + 2 * d});
          }
        }
      });
  for (int lane = 0; lane < l.count; lane++)
    for (int q = 0; q < d; q++) {
      const double* s = sums.get() + size_t(lane) * 3 * d + q;
      out.weight[q] += s[0];
      out.sum[q] += s[d];
      out.square[q] += s[2 * d];
    }
}

void column_moments(nb::handle numbers, doubles shift, weights weight, bool single, doubles total, doubles sum,
                    doubles square, int threads) {
  const Matrix x = matrix(numbers);
  const double* w = weight ? weight->data() : nullptr;
  const Columns out{total.data(), sum.data(), square.data()};
  nb::gil_scoped_release release;
  if (single) run_columns<float>(x, shift.data(), w, out, threads);
  else run_columns<double>(x, shift.data(), w, out, threads);
}

// Sparse rows, about the origin where most of their cells lie, in float64: every pair of stored cells of a row is one
// addition. Bands of rows of the outer product are shared out; repeated indices in a row add up as they should.
template <class T, class I>
void sparse_moments(nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu> data,
                    nb::ndarray<const I, nb::ndim<1>, nb::c_contig, nb::device::cpu> indices,
                    nb::ndarray<const I, nb::ndim<1>, nb::c_contig, nb::device::cpu> indptr, weights weight,
                    doubles sum, doubles outer, int threads) {
  const int64_t rows = int64_t(indptr.shape(0)) - 1, d = int64_t(sum.shape(0)), bands = std::min<int64_t>(32, d);
  const T* value = data.data();
  const I *at = indices.data(), *row = indptr.data();
  const double* w = weight ? weight->data() : nullptr;
  nb::gil_scoped_release release;
#pragma omp parallel num_threads(std::max(1, threads)) if (threads > 1)
  {
    flush_denormals guard;
#pragma omp for schedule(dynamic)
    for (int64_t band = 0; band < bands; band++) {
      const int64_t from = d * band / bands, to = d * (band + 1) / bands;
      for (int64_t i = 0; i < rows; i++) {
        const double wi = w ? w[i] : 1;
        for (int64_t p = row[i]; p < row[i + 1]; p++) {
          if (at[p] < from || at[p] >= to) continue;
          const double v = double(value[p]);
          sum.data()[at[p]] += wi * v;
          double* out = outer.data() + at[p] * d;
          for (int64_t q = row[i]; q < row[i + 1]; q++) out[at[q]] += wi * (v * double(value[q]));
        }
      }
    }
  }
}

}  // namespace

void bind_moments(nb::module_& m) {
  m.def("column_moments", column_moments, nb::arg("numbers"), nb::arg("shift"), nb::arg("weight"), nb::arg("single"),
        nb::arg("total"), nb::arg("sum"), nb::arg("square"), nb::arg("threads"));
  const auto sparse = [&](auto f) {
    m.def("sparse_moments", f, nb::arg("data"), nb::arg("indices"), nb::arg("indptr"), nb::arg("weight"),
          nb::arg("sum"), nb::arg("outer"), nb::arg("threads"));
  };
  sparse(sparse_moments<float, int32_t>);
  sparse(sparse_moments<double, int32_t>);
  sparse(sparse_moments<float, int64_t>);
  sparse(sparse_moments<double, int64_t>);
  m.def("moments", moments, nb::arg("numbers"), nb::arg("shift"), nb::arg("weight"), nb::arg("single"), nb::arg("sum"),
        nb::arg("outer"), nb::arg("threads"));
}

}  // namespace tacit
