#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "cholesky.hpp"
#include "module.hpp"

namespace tacit {
namespace nb = nanobind;

namespace {

using doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using const_doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;

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

}  // namespace

void bind_mixture(nb::module_& m) {
  m.def("inverse_cholesky", inverse_cholesky, nb::arg("covariances"), nb::arg("factor"), nb::arg("ridge"),
        nb::arg("threads"));
}

}  // namespace tacit
