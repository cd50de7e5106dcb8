// Rows times a matrix, (x - shift) W: the shift is subtracted while packing, so that rows far from the origin lose
// nothing, and no centred copy is made.
#include <nanobind/nanobind.h>

#include "lanes.hpp"
#include "matrix.hpp"
#include "module.hpp"

namespace tacit {
namespace {

template <class T>
using matrix_of = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using vector_of = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// out[b, k] = bias + (x - shift) W
template <class T>
void project(nb::handle numbers, vector_of<double> shift, matrix_of<const T> weight, vector_of<T> bias,
             matrix_of<T> result, int threads) {
  constexpr int n = simd<T>::n, P = 3, N = P * n, G = vector_bytes == 64 ? 8 : 4;
  const Matrix x = matrix(numbers);
  const int d = x.d(), k = int(weight.shape(1)), groups = (k + G - 1) / G;
  T* out = result.data();
  nb::gil_scoped_release release;
  auto packed = zeros<T>(size_t(groups) * d * G);  // [group][d][G]
  for (int q = 0; q < d; q++)
    for (int j = 0; j < k; j++) packed[(size_t(j / G) * d + q) * G + j % G] = weight.data()[size_t(q) * k + j];
  if (x.rows * d * (k + 8) < 1'000'000) threads = 1;  // waking a thread costs more
  const Lanes l = lanes(x.rows, N, 1);
  each_lane(
      l, threads, [&] { return allocate<T>(size_t(d) * N); },
      [&](int lane, buffer<T>& panel) {
        for (int64_t lo = l.begin(lane), hi = l.end(lane); lo < hi; lo += N) {
          const int m = int(std::min<int64_t>(N, hi - lo));
          pack(x, lo, m, N, shift.data(), panel.get());
          for (int g = 0; g < groups; g++) {
            const T* w = packed.get() + size_t(g) * d * G;
            vec_t<T> acc[G][P];
#pragma GCC unroll 16
            for (int r = 0; r < G; r++)
#pragma GCC unroll 4
              for (int u = 0; u < P; u++) acc[r][u] = vec_t<T>{};
            for (int q = 0; q < d; q++) {
              vec_t<T> p[P];
#pragma GCC unroll 4
              for (int u = 0; u < P; u++) p[u] = load(panel.get() + size_t(q) * N + u * n);
#pragma GCC unroll 16
              for (int r = 0; r < G; r++) {
                const T wr = w[q * G + r];
#pragma GCC unroll 4
                for (int u = 0; u < P; u++) acc[r][u] += p[u] * wr;
              }
            }
            const int columns = std::min(G, k - g * G);
            alignas(64) T part[G * N];
#pragma GCC unroll 16
            for (int r = 0; r < G; r++)
#pragma GCC unroll 4
              for (int u = 0; u < P; u++) store(part + r * N + u * n, acc[r][u]);
            for (int i = 0; i < m; i++)
              for (int r = 0; r < columns; r++)
                out[(lo + i) * k + g * G + r] = part[r * N + i] + bias.data()[g * G + r];
          }
        }
      });
}

}  // namespace

void bind_project(nb::module_& m) {
  m.def("project", project<float>, nb::arg("numbers"), nb::arg("shift"), nb::arg("weight"), nb::arg("bias"),
        nb::arg("out"), nb::arg("threads"));
  m.def("project", project<double>, nb::arg("numbers"), nb::arg("shift"), nb::arg("weight"), nb::arg("bias"),
        nb::arg("out"), nb::arg("threads"));
}

}  // namespace tacit
