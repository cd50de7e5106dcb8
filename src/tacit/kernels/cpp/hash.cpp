// A 64-bit hash of each row's content. Random draws walk the rows in hash order, so that they depend on what the rows
// are and not on where they stand; equal numbers hash equally whatever their dtype (0.0 = -0.0, all gaps alike).
#include <nanobind/nanobind.h>

#include <optional>

#include "lanes.hpp"
#include "matrix.hpp"
#include "module.hpp"
#include "sparse.hpp"

namespace tacit {
namespace {

// splitmix64's finaliser (Steele, Lea and Flood 2014)
inline uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

inline uint64_t bits(double v) {
  if (v == 0) v = 0;
  if (v != v) return 0x7ff8000000000000ull;
  uint64_t u;
  std::memcpy(&u, &v, 8);
  return u;
}

// What value v in column q adds to a row: nothing for 0, so that dense and sparse rows hash alike.
inline uint64_t cell(uint64_t q, double v) { return v == 0 ? 0 : mix(bits(v) ^ (q + 1) * 0xd1b54a32d192ed03ull); }

using hashes = nb::ndarray<uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
void hash_row(const T* x, int d, uint64_t& h) {
  uint64_t sum = 0;
  for (int q = 0; q < d; q++) sum += cell(q, double(x[q]));
  h = mix(h ^ sum);
}

void hash_rows(nb::handle numbers, hashes out, int threads) {
  const Matrix x = matrix(numbers);
  uint64_t* h = out.data();
  nb::gil_scoped_release release;
  Rows<float> single;
  Rows<double> wide;
  const bool singles = x.d() >= 32 && contiguous(x, single), doubles = x.d() >= 32 && contiguous(x, wide);
  const Lanes l = lanes(x.rows, 4096, 1);
  each_lane(
      l, threads, [] { return 0; },
      [&](int lane, int) {
        const int64_t lo = l.begin(lane), hi = l.end(lane);
        if (singles || doubles) {
          for (int64_t i = lo; i < hi; i++) singles ? hash_row(single[i], x.d(), h[i]) : hash_row(wide[i], x.d(), h[i]);
          return;
        }
        for (int64_t a = lo; a < hi; a += 512) {
          const int m = int(std::min<int64_t>(512, hi - a));
          double panel[512];
          uint64_t sum[512] = {};
          for (int q = 0; q < x.d(); q++) {
            pack_column(x.columns[q], a, m, 0., panel);
            for (int i = 0; i < m; i++) sum[i] += cell(q, panel[i]);
          }
          for (int i = 0; i < m; i++) h[a + i] = mix(h[a + i] ^ sum[i]);
        }
      });
}

void hash_sparse(sparse_array data, sparse_array indices, sparse_array indptr, hashes out, int threads) {
  uint64_t* h = out.data();
  with_sparse(data, indices, indptr, 0, [&]<class T, class I>(const Sparse<T, I>& x) {
    nb::gil_scoped_release release;
    const Lanes l = lanes(x.rows, 4096, 1);
    each_lane(
        l, threads, [] { return 0; },
        [&](int lane, int) {
          for (int64_t i = l.begin(lane); i < l.end(lane); i++) {
            uint64_t sum = 0;
            x.each(i, [&](int64_t q, T v) { sum += cell(q, double(v)); });
            h[i] = mix(h[i] ^ sum);
          }
        });
  });
}

}  // namespace

void bind_hash(nb::module_& m) {
  m.def("hash_rows", hash_rows, nb::arg("numbers"), nb::arg("out"), nb::arg("threads"));
  m.def("hash_sparse", hash_sparse, nb::arg("data"), nb::arg("indices"), nb::arg("indptr"), nb::arg("out"),
        nb::arg("threads"));
}

}  // namespace tacit
