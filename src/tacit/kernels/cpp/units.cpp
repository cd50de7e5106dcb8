// Units of energy models: counter-based random numbers, logistic units with their draws, log-partition sums, and the
// update of weights. A row's numbers depend on (key, call, row, column) alone, so the bits are the same for any number
// of threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "lanes.hpp"
#include "module.hpp"
#include "simd.hpp"

namespace nb = nanobind;

namespace tacit {
namespace {

constexpr int group = 32;  // columns that are worked on together
using u64 = uint64_t __attribute__((vector_size(64)));
using u32 = uint32_t __attribute__((vector_size(32)));
using i32 = int32_t __attribute__((vector_size(32)));
using f32 = float __attribute__((vector_size(32)));

using rows_in = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using rows_out = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using numbers_in = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using numbers_out = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using sums_out = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Philox 4x32-10 (Salmon et al. 2011): 32 numbers in [0, 1) for counters (8 block + lane, row, call).
inline void uniforms(uint64_t key, uint64_t call, uint32_t row, uint32_t block, float* out) {
  const u64 low = u64{} + 0xffffffffu;
  u64 c0 = u64{0, 1, 2, 3, 4, 5, 6, 7} + 8ull * block, c1 = u64{} + row;
  u64 c2 = u64{} + (call & 0xffffffffu), c3 = u64{} + (call >> 32);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; round++) {
    const u64 p = c0 * 0xd2511f53ull, q = c2 * 0xcd9e8d57ull;
    c0 = (q >> 32) ^ c1 ^ k0;
    c1 = q & low;
    c2 = (p >> 32) ^ c3 ^ k1;
    c3 = p & low;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const u64* words[] = {&c0, &c1, &c2, &c3};
  for (int w = 0; w < 4; w++) {
    const i32 bits = (i32)(__builtin_convertvector(*words[w], u32) >> 1);
    const f32 u = __builtin_convertvector(bits, f32) * 0x1p-31f;
    const f32 most = f32{} + 0x1.fffffep-1f;  // 31 bits may round up to 1
    *reinterpret_cast<f32*>(out + 8 * w) = u < most ? u : most;
  }
}

struct Units {
  const float* bias;  // [m], null for none
  float scale;
  int m;
  // scale · (a + bias) of a group of columns, the last one filled up with zeros
  void read(const float* a, int j, float* out) const {
    const auto some = [&](int n) {
      for (int i = 0; i < n; i++) out[i] = scale * (bias ? a[j + i] + bias[j + i] : a[j + i]);
    };
    if (j + group <= m) return some(group);  // a number of columns that the compiler knows
    some(m - j);
    std::fill(out + m - j, out + group, 0.f);
  }
};

template <class Work>
void each_row(int64_t rows, int m, int threads, Work work) {
  const Lanes l = lanes(rows, std::max(1, 4096 / m), 1);
  each_lane(
      l, useful(16. * double(rows) * m, threads), [] { return 0; },
      [&](int lane, int) {
        for (int64_t i = l.begin(lane); i < l.end(lane); i++) work(i);
      });
}

void write(const float* from, float* row, int j, int m) {
  if (j + group <= m) std::copy_n(from, group, row + j);
  else std::copy_n(from, m - j, row + j);
}

void uniform(uint64_t key, uint64_t call, rows_out out, int threads) {
  const int m = int(out.shape(1));
  float* u = out.data();
  const int64_t rows = int64_t(out.shape(0));
  nb::gil_scoped_release release;
  each_row(rows, m, threads, [=](int64_t i) {
    alignas(64) float some[group];
    for (int j = 0; j < m; j += group) {
      uniforms(key, call, uint32_t(i), uint32_t(j / group), some);
      write(some, u + i * m, j, m);
    }
  });
}

void logistic(rows_in logits, std::optional<numbers_in> bias, float scale, uint64_t key, uint64_t call,
              std::optional<rows_out> mean, std::optional<rows_out> drawn, int threads) {
  const int m = int(logits.shape(1));
  const int64_t rows = int64_t(logits.shape(0));
  const Units units{bias ? bias->data() : nullptr, scale, m};
  const float* a = logits.data();
  float *p = mean ? mean->data() : nullptr, *s = drawn ? drawn->data() : nullptr;
  nb::gil_scoped_release release;
  each_row(rows, m, threads, [=](int64_t i) {
    using V = vec_t<float>;
    constexpr int n = simd<float>::n;
    alignas(64) float x[group], u[group];
    const V one = broadcast(1.f), zero = V{};
    for (int j = 0; j < m; j += group) {
      units.read(a + i * m, j, x);
      if (s) uniforms(key, call, uint32_t(i), uint32_t(j / group), u);
      for (int k = 0; k < group; k += n) {
        const V v = load(x + k);
        const V e = exp_negative(v < zero ? v : -v);  // of -|v|
        const V q = (v < zero ? e : one) / (one + e);
        store(x + k, q);
        if (s) store(u + k, load(u + k) < q ? one : zero);
      }
      if (p) write(x, p + i * m, j, m);
      if (s) write(u, s + i * m, j, m);
    }
  });
}

// Σ_j log(1 + e^{x_ij}) = Σ_j max(x, 0) + log Π_j (1 + e^{-|x|}): products of up to 64 factors in (1, 2], then one log.
void softplus_sums(rows_in logits, std::optional<numbers_in> bias, float scale, sums_out out, int threads) {
  const int m = int(logits.shape(1));
  const int64_t rows = int64_t(logits.shape(0));
  const Units units{bias ? bias->data() : nullptr, scale, m};
  const float* a = logits.data();
  double* sums = out.data();
  nb::gil_scoped_release release;
  each_row(rows, m, threads, [=](int64_t i) {
    using V = vec_t<float>;
    constexpr int n = simd<float>::n;
    alignas(64) float x[group];
    const V one = broadcast(1.f), zero = V{};
    double total = 0;
    V product = one, above = zero;
    int factors = 0;
    const auto settle = [&] {
      for (int k = 0; k < n; k++) total += double(above[k]) + std::log(double(product[k]));
      product = one, above = zero, factors = 0;
    };
    for (int j = 0; j < m; j += group) {
      units.read(a + i * m, j, x);
      for (int k = 0; k < group; k += n) {
        const V v = load(x + k);
        const V e = exp_negative(v < zero ? v : -v);
        const bool all = j + k + n <= m;
        V factor = one + e, positive = max(v, zero);
        if (!all)
          for (int l = 0; l < n; l++)
            if (j + k + l >= m) factor[l] = 1, positive[l] = 0;
        product *= factor;
        above += positive;
        if (++factors == 64) settle();
      }
    }
    settle();
    sums[i] = total;
  });
}

// V <- momentum V + rate (G - decay W), W <- W + V; without V, momentum is 0.
void step(numbers_out weights, std::optional<numbers_out> velocity, numbers_in gradient, float momentum, float rate,
          float decay, int threads) {
  float *w = weights.data(), *v = velocity ? velocity->data() : nullptr;
  const float* g = gradient.data();
  const int64_t size = int64_t(weights.shape(0));
  nb::gil_scoped_release release;
  const Lanes l = lanes(size, 4096, 1);
  each_lane(
      l, useful(4. * double(size), threads), [] { return 0; },
      [&](int lane, int) {
        const int64_t lo = l.begin(lane), hi = l.end(lane);
        if (v)
          for (int64_t i = lo; i < hi; i++) w[i] += v[i] = momentum * v[i] + rate * (g[i] - decay * w[i]);
        else
          for (int64_t i = lo; i < hi; i++) w[i] += rate * (g[i] - decay * w[i]);
      });
}

}  // namespace

void bind_units(nb::module_& m) {
  m.def("uniform", uniform, nb::arg("key"), nb::arg("call"), nb::arg("out"), nb::arg("threads"));
  m.def("logistic", logistic, nb::arg("logits"), nb::arg("bias").none(), nb::arg("scale"), nb::arg("key"),
        nb::arg("call"), nb::arg("mean").none(), nb::arg("drawn").none(), nb::arg("threads"));
  m.def("softplus_sums", softplus_sums, nb::arg("logits"), nb::arg("bias").none(), nb::arg("scale"), nb::arg("out"),
        nb::arg("threads"));
  m.def("step", step, nb::arg("weights"), nb::arg("velocity").none(), nb::arg("gradient"), nb::arg("momentum"),
        nb::arg("rate"), nb::arg("decay"), nb::arg("threads"));
}

}  // namespace tacit
